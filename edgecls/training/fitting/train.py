"""Training, step by step: the head on the features of the frozen backbone, then the backbone's upper part with it."""

import time
from dataclasses import replace

from edgecls.training.backbones import Backbone
from edgecls.training.fitting.checkpoint import Checkpoint
from edgecls.training.fitting.fine_tuning_phase import second_phase
from edgecls.training.fitting.head_phase import first_phase, without_first_phase
from edgecls.training.fitting.training_data import TrainingData, TrainingResult
from edgecls.training.settings import Training

TIME_BUDGET = 600.0


def train(task: TrainingData, training: Training, checkpoint: Checkpoint, *, resume: bool = False) -> TrainingResult:
    """Both phases, as `training` says; fine-tuning leaves `checkpoint` after each epoch, or goes on from it.

    A backbone that is not pretrained cannot be trained with `fine_tune` "none". Raises the errors of `Checkpoint.load`.
    """
    begun = time.perf_counter()
    training = replace(training, time_budget=_budget(task.backbone, training))
    with task.progress.step("loading backbone"):
        frozen = task.backbone.load()
    begin = first_phase if task.backbone.pretrained else without_first_phase
    trained = begin(task, training, frozen)
    if training.fine_tune == "none":
        return trained
    return second_phase(task, training, trained, begun, (checkpoint, checkpoint.load() if resume else None))


def _budget(backbone: Backbone, training: Training) -> float | None:
    """None: asked for by name, a part is trained however long it takes."""
    if training.time_budget is None and training.fine_tune == "auto" and backbone.pretrained:
        return TIME_BUDGET
    return training.time_budget
