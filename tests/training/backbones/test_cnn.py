"""The network that is trained from scratch, on grey images."""

import numpy as np
import pytest
from image_folders import image
from pictures import encode, plain

pytest.importorskip("tensorflow", reason="needs the extra `convert`")

import keras

import edgecls
from edgecls.inference.classifier import Classifier
from edgecls.model.model_file import read_model
from edgecls.training.backbones import BACKBONES
from edgecls.training.settings import Training

pytestmark = pytest.mark.slow

CNN = BACKBONES["cnn"]
QUICK = Training(epochs=30, learning_rate=0.02)


def test_with_ten_classes_it_is_the_network_of_the_tutorial():
    network = CNN.load()
    outputs = keras.layers.Dense(10, activation="softmax")(network.output)
    assert network.output_shape == (None, 5 * 5 * 64)
    assert keras.Model(network.input, outputs).count_params() == 34_826
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds == ["InputLayer", "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten"]
    assert {"epochs": 10, "optimizer": "adam", "learning_rate": 3e-3, "batch_size": 32}.items() <= CNN.training.items()


def test_it_begins_the_same_each_time():
    first, second = CNN.load().get_weights(), CNN.load().get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].std() > 0.05


def test_the_whole_image_is_seen():
    assert CNN.preprocessing.crop == 1
    assert (CNN.mean, CNN.std) == (0, 255)


def test_a_grey_conversion_from_end_to_end(tmp_path):
    """Dark and bright images, in colour: the model takes their luma."""
    for label, level in (("bright", 200), ("dark", 30)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(8):
            picture = encode(plain((level + 3 * number, level, level - number)))
            (tmp_path / "data" / label / f"{number}.png").write_bytes(picture)
    # So few images can show no precision: all is answered.
    done = edgecls.convert(tmp_path / "data", tmp_path / "m.tflite", backbone="cnn", training=QUICK, min_precision=0)
    model = read_model(tmp_path / "m.tflite")
    assert done.evaluation.accuracy == 1
    assert model.info.preprocessing == CNN.preprocessing
    assert model.info.preprocessing.channels == 1
    classifier = Classifier(model)
    assert (classifier.runtime.input_size, classifier.runtime.channels) == ((28, 28), 1)
    assert classifier.classify(encode(plain((180, 210, 200)))).label == "bright"
    assert classifier.classify(image("grey")).error is None
