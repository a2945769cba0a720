"""Train the head on the features of the frozen backbone, then the upper part of the backbone together with it."""

import keras

from edgecls.training.fitting.checkpoint import Checkpoint
from edgecls.training.fitting.fine_tuning_phase import fine_tune_phase
from edgecls.training.fitting.head_phase import skip_head_phase, train_head_phase
from edgecls.training.fitting.training_data import TrainingData, TrainingResult
from edgecls.training.settings import ResolvedTraining


def train(
    data: TrainingData,
    backbone: keras.Model,
    settings: ResolvedTraining,
    checkpoint: Checkpoint,
    *,
    resume: bool = False,
) -> TrainingResult:
    """Train in both phases. Fine-tuning saves `checkpoint` after each epoch, or resumes from it.

    Raises the errors of `Checkpoint.load`.
    """
    first_phase = train_head_phase if data.backbone.pretrained else skip_head_phase
    result = first_phase(data, settings, backbone)
    if settings.fine_tune == "none":
        return result
    return fine_tune_phase(data, result, checkpoint, checkpoint.load() if resume else None)
