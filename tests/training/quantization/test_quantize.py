import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras
import tiny_backbone
from ai_edge_litert.interpreter import Interpreter

from edgecls.errors import BadData
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.inference.runtimes import open_runtime
from edgecls.training.fitting import head as train
from edgecls.training.quantization import quantize
from edgecls.training.settings import HEAD_DEFAULTS, PhaseSettings

pytestmark = pytest.mark.slow

MEAN, STD, SIZE = 127.0, 128.0, 32
PRECISIONS = ("int8", "float16", "dynamic", "float32")


@pytest.fixture(scope="module")
def pixels(cell_images):
    """Real photographs as a device would feed them: (24, 32, 32, 3)."""
    spec = Preprocessing(SIZE, SIZE)
    return np.stack([load_pixels(np.ascontiguousarray(image), spec) for image in cell_images])


@pytest.fixture(scope="module")
def network(pixels):
    """A small network, trained to tell bright cells from dark ones."""
    backbone = tiny_backbone.build(SIZE)
    features = backbone(quantize.normalize(pixels, MEAN, STD)).numpy()
    bright = (pixels.mean(axis=(1, 2, 3)) > np.median(pixels)).astype(np.int64)
    settings = PhaseSettings(**{**HEAD_DEFAULTS, "epochs": 40, "learning_rate": 0.1})
    head, _ = train.train_head((features, bright), (features, bright), np.ones(2, np.float32), settings, 0)
    return train.attach(backbone, head, settings.dropout)


@pytest.fixture(scope="module")
def models(network, pixels):
    """quantization -> flatbuffer."""
    return {precision: quantize.quantize(network, MEAN, STD, precision, list(pixels[:12])) for precision in PRECISIONS}


@pytest.fixture
def scores(models, pixels, tmp_path):
    """The scores (images, 2) of a quantization for all images, as the device computes them."""

    def scores(precision):
        path = tmp_path / f"{precision}.tflite"
        path.write_bytes(models[precision])
        runtime = open_runtime(path, threads=1)
        return np.stack([runtime.scores(runtime.invoke(image)) for image in pixels])

    return scores


def details(flatbuffer):
    interpreter = Interpreter(model_content=flatbuffer)
    (pixels,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    return pixels, output, interpreter.get_tensor_details()


def test_every_precision_takes_bytes(models):
    for flatbuffer in models.values():
        pixels, output, _ = details(flatbuffer)
        assert pixels["dtype"] == np.uint8
        assert tuple(pixels["shape"]) == (1, SIZE, SIZE, 3)
        assert tuple(output["shape"]) == (1, 2)


def test_int8_is_integer_throughout(models):
    pixels, output, tensors = details(models["int8"])
    assert {np.dtype(tensor["dtype"]).kind for tensor in tensors} <= {"i", "u"}
    assert output["dtype"] == np.uint8
    assert output["quantization"] == (1 / 256, 0)
    assert pixels["quantization"] == (1 / STD, MEAN)  # exactly: the normalisation is in them


def test_int8_finds_the_normalisation_in_dull_images_too(network, pixels):
    """Calibration images that reach neither black nor white must not narrow the input."""
    dull = [np.full_like(pixels[0], 120), np.full_like(pixels[0], 130)]
    found, _, _ = details(quantize.quantize(network, MEAN, STD, "int8", dull))
    assert found["quantization"] == (1 / STD, MEAN)


def test_floats_are_of_the_size_they_claim(models):
    weights = {
        precision: {np.dtype(t["dtype"]).name for t in details(models[precision])[2] if len(t["shape"]) == 4}
        for precision in PRECISIONS
    }
    assert "float16" in weights["float16"]
    assert "float16" not in weights["float32"]
    assert "int8" not in weights["float32"]
    assert "int8" in weights["int8"]


def test_scores_agree_with_the_network(network, pixels, scores):
    expected = network(quantize.normalize(pixels, MEAN, STD), training=False).numpy()
    assert expected.max(axis=0).min() > 0.8  # both classes are there, and the network is sure
    for precision, tolerance in (("float32", 1e-5), ("float16", 0.01), ("dynamic", 0.02), ("int8", 4 / 256)):
        assert np.abs(scores(precision) - expected).max() <= tolerance, precision
        assert scores(precision).sum(axis=1) == pytest.approx(1, abs=1.5 / 256)


def test_the_same_calibration_gives_the_same_bytes(network, pixels, models):
    assert quantize.quantize(network, MEAN, STD, "int8", list(pixels[:12])) == models["int8"]


def test_float_conversion_is_that_of_float32(network, models):
    assert quantize.to_float(network, MEAN, STD) == models["float32"]


def test_a_network_that_cannot_be_wholly_int8(pixels):
    """TFLite has no integer sine: the converter leaves it in float without a word."""
    inputs = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Lambda(keras.ops.sin)(features))
    network = keras.Model(inputs, outputs)
    with pytest.raises(
        BadData, match=r"cannot be quantized to int8 completely: .* stays float: use --quantize float16 or dynamic"
    ):
        quantize.quantize(network, MEAN, STD, "int8", list(pixels[:4]))
    assert details(quantize.quantize(network, MEAN, STD, "float16", []))[0]["dtype"] == np.uint8


def test_normalize():
    assert quantize.normalize(np.array([0, 127, 255], np.uint8), MEAN, STD).tolist() == [-127 / 128, 0, 1]
    assert quantize.normalize(np.zeros((2, 3), np.uint8), 0.0, 1.0).dtype == np.float32
