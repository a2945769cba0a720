"""What is tried when int8 loses too much: the head learns to live with the features that it will really get."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from edgecls.training.fitting.features import extract_features
from edgecls.training.fitting.training_data import TrainingData
from edgecls.training.quantization import quantize

_STRENGTHS = np.logspace(-3, 2, 11)
"""Of the ridge, by the features' mean variance: they take in all that was ever chosen, 0.3 to 1."""


def refit_head(network: keras.Model, task: TrainingData, calibration: Sequence[NDArray[np.uint8]]) -> None:
    """Change the last layer of `network`, in place, so that it makes of int8 features what it made of float ones.

    What int8 takes from the logits of the training images, or adds to them, is regressed on their int8 features, and
    the head corrected by that. A ridge regression, as strong as leaving out each image in turn says: few images move
    the head little. `calibration` as in `quantize.quantize`.
    """
    backbone = keras.Model(network.inputs[0], network.get_layer("features").output, name="features")
    mean, std = task.backbone.mean, task.backbone.std
    exact = _features(quantize.to_float(backbone, mean, std), task, "float features")
    rounded = _features(
        quantize.quantize(backbone, mean, std, "int8", calibration, task.progress), task, "int8 features"
    )
    last = network.get_layer("probabilities")
    kernel, bias = last.get_weights()
    with task.progress.step("refitting head"):
        spread = max(float(rounded.var(axis=0).sum() * len(rounded) / rounded.shape[1]), 1e-6)
        found = RidgeCV(alphas=spread * _STRENGTHS).fit(rounded, (exact - rounded) @ kernel)
    last.set_weights([kernel + found.coef_.T, bias + found.intercept_])


def _features(flatbuffer: bytes, task: TrainingData, name: str) -> NDArray[np.float32]:
    """Of the training images, by the runtime that the device has."""
    file = task.work / f"{name.replace(' ', '-')}.tflite"
    file.write_bytes(flatbuffer)
    return extract_features(file, task.train, task.progress, name)
