"""The lower part of a network, whose outputs are activations: it runs where classifiers do, and is no classifier."""

import numpy as np
import pytest
from pictures import encode

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
import keras

from edgecls.errors import BadModel
from edgecls.images.framing import Preprocessing
from edgecls.inference.classifier import Classifier
from edgecls.progress import Progress
from edgecls.training.data.losses import Losses
from edgecls.training.data.pixel_cache import cache_pixels
from edgecls.training.data.sample import Sample
from edgecls.training.fitting.augmented_inputs import cache_activations
from edgecls.training.quantization.quantize import to_float


def test_its_activations_are_kept_and_it_is_refused_as_a_model(tmp_path):
    inputs = keras.Input((8, 8, 3), name="pixels")
    outputs = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    lower = tmp_path / "lower.tflite"
    lower.write_bytes(to_float(keras.Model(inputs, outputs), 127.0, 128.0))
    samples = [Sample(tmp_path / f"{n}.png", "a") for n in range(2)]
    for number, sample in enumerate(samples):
        sample.path.write_bytes(encode(np.full((8, 8, 3), 200 * number, np.uint8)))
    pixels = cache_pixels(tmp_path / "pixels", samples, Preprocessing(8, 8), Losses(), Progress(), "caching pixels")
    unchanged = [lambda _, image: image]
    activations = cache_activations(tmp_path / "activations", lower, (4, 4, 4), unchanged, pixels, lambda: None)
    assert activations.shape == (1, 2, 4, 4, 4)
    assert not np.array_equal(activations.read((0, 0)), activations.read((0, 1)))
    with pytest.raises(BadModel, match="gives a score a class"):
        Classifier(lower, labels=list("abcd"))
