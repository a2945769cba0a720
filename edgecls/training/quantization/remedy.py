"""The remedy for an int8 model that loses too much: a head that corrects the errors of the int8 features."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV

from edgecls.progress import Progress
from edgecls.training.data.pixel_cache import PixelCache
from edgecls.training.features import extract_features
from edgecls.training.quantization.head_patch import with_head, without_head

_STRENGTHS = np.logspace(-3, 2, 11)
"""Ridge penalties to choose from, relative to the mean variance of the features. Those chosen so far: 0.3 to 1."""


def refit_head(
    network: keras.Model, float_model: bytes, int8_model: bytes, train: PixelCache, work: Path, progress: Progress
) -> bytes:
    """Return `int8_model` with a head that makes of its features what the float head makes of float features.

    The errors that int8 causes in the logits of the training images are regressed on the int8 features, and the head is
    corrected by the result. The penalty of this ridge regression is chosen by leave-one-out cross-validation, so few
    images move the head little. Nothing is quantized again but the head. `train` are the pixels of the training images,
    `work` is a folder for temporary files.
    """
    float_features = _extract(float_model, train, work / "float-features.tflite", progress)
    int8_features = _extract(int8_model, train, work / "int8-features.tflite", progress)
    with progress.step("refitting head"):
        kernel, bias = network.get_layer("probabilities").get_weights()
        spread = max(float(int8_features.var(axis=0).sum() * len(int8_features) / int8_features.shape[1]), 1e-6)
        errors = (float_features - int8_features) @ kernel
        correction = RidgeCV(alphas=spread * _STRENGTHS).fit(int8_features, errors.squeeze())
        kernel = kernel + np.reshape(correction.coef_, (-1, len(kernel))).T
        bias = bias + np.ravel(correction.intercept_)
        return with_head(int8_model, kernel, bias, int8_features @ kernel + bias)


def _extract(flatbuffer: bytes, train: PixelCache, file: Path, progress: Progress) -> NDArray[np.float32]:
    """Return the features of the training images, float32 (images, features), computed as on the device.

    The model without its head is written to `file`.
    """
    file.write_bytes(without_head(flatbuffer))
    return extract_features(file, train, progress, file.stem.replace("-", " "))
