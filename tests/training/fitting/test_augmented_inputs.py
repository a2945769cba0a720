"""The lower part of a network, whose outputs are activations: it runs where classifiers do, and is no classifier."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
import keras

from edgecls.errors import BadModel
from edgecls.inference.classifier import Classifier
from edgecls.training.fitting.augmented_inputs import keep_activations
from edgecls.training.fitting.disk_array import DiskArray
from edgecls.training.quantization.quantize import to_float


def test_its_activations_are_kept_and_it_is_refused_as_a_model(tmp_path):
    pixels = keras.Input((8, 8, 3), name="pixels")
    outputs = keras.layers.Conv2D(4, 3, strides=2, padding="same")(pixels)
    lower = tmp_path / "lower.tflite"
    lower.write_bytes(to_float(keras.Model(pixels, outputs), 127.0, 128.0))
    images = DiskArray(tmp_path / "pixels", (2, 8, 8, 3), np.uint8)
    for number in range(2):
        images.write(number, np.full((8, 8, 3), 200 * number, np.uint8))
    views = [lambda _, image: image]
    kept = keep_activations(tmp_path / "activations", lower, (4, 4, 4), views, images, lambda: None)
    assert kept.shape == (1, 2, 4, 4, 4)
    assert not np.array_equal(kept.read((0, 0)), kept.read((0, 1)))
    with pytest.raises(BadModel, match="gives a score a class"):
        Classifier(lower, labels=list("abcd"))
