"""What is tried when int8 loses too much: the head learns to live with the features that it will really get."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.convert.quantization import quantize
from edgecls.convert.settings import Training
from edgecls.convert.training.features import extract_features
from edgecls.convert.training.head import train_head
from edgecls.convert.training.task import Task


def refit_head(
    network: keras.Model, task: Task, training: Training, calibration: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """Train the last layer of `network` anew, in place, on features of the int8 backbone, as `training` says.

    Returns its validation probabilities, float32 (images, classes): its temperature is still to be fitted.
    """
    backbone = keras.Model(network.inputs[0], network.get_layer("features").output, name="features")
    file = task.work / "int8-backbone.tflite"
    mean, std = task.backbone.mean, task.backbone.std
    file.write_bytes(quantize.quantize(backbone, mean, std, "int8", calibration, task.steps))
    features = extract_features(
        file, [*task.images, *task.held_out], task.backbone.preprocessing, task.steps, "int8 features"
    )
    seen, unseen = features[: len(task.images)], features[len(task.images) :]
    with task.steps.step("refitting head"):
        head, _ = train_head((seen, task.classes), (unseen, task.truth), task.weights, training, task.seed)
    network.get_layer("probabilities").set_weights(head.get_layer("probabilities").get_weights())
    return np.asarray(head.predict_on_batch(unseen))
