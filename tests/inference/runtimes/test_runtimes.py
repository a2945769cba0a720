from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import COLOURS, plain
from tiny_model import SPEC, build

from edgecls.errors import BadModel, MissingExtra, UsageError
from edgecls.images.preprocess import load_pixels
from edgecls.inference.runtimes import open_runtime
from edgecls.inference.runtimes.interpreter import dequantize


@pytest.fixture
def opened(tmp_path):
    """A runtime with a variant of the tiny model."""

    def opened(*, reference_kernels=False, **variant):
        path = tmp_path / "variant.tflite"
        path.write_bytes(build(**variant))
        return open_runtime(path, threads=1, reference_kernels=reference_kernels)

    return opened


@given(
    outputs=st.lists(st.integers(-128, 127), min_size=1).map(lambda values: np.array(values, np.int8))
    | st.lists(st.integers(0, 255), min_size=1).map(lambda values: np.array(values, np.uint8)),
    scale=st.floats(1e-6, 1e3),
    zero_point=st.integers(-128, 255),
)
def test_dequantize_is_the_plain_formula(outputs, scale, zero_point):
    found = dequantize(outputs, scale, zero_point)
    expected = [scale * (int(output) - zero_point) for output in outputs]
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("outputs", "zero_point", "expected"),
    [
        (np.array([-128, 0, 127], np.int8), -128, [0, 0.5, 255 / 256]),
        (np.array([-128, 127], np.int8), 127, [-255 / 256, 0]),
        (np.array([0, 255], np.uint8), 255, [-255 / 256, 0]),
    ],
)
def test_dequantize_does_not_overflow(outputs, zero_point, expected):
    assert dequantize(outputs, 1 / 256, zero_point).tolist() == expected


def test_what_is_not_quantized_stays_as_it_is():
    assert dequantize(np.array([0.25, 0.75], np.float32), 0.0, 0).tolist() == [0.25, 0.75]


@pytest.mark.parametrize("reference_kernels", [False, True])
@pytest.mark.parametrize("colour", COLOURS)
def test_int8_input_means_the_same_as_uint8(opened, colour, reference_kernels):
    pixels = plain(colour, 16, 16)
    before = pixels.copy()
    unsigned = opened(input_type="uint8", reference_kernels=reference_kernels).invoke(pixels)
    signed = opened(input_type="int8", reference_kernels=reference_kernels).invoke(pixels)
    assert signed.tolist() == unsigned.tolist()
    assert np.array_equal(pixels, before)


def test_what_a_runtime_says_of_itself(opened):
    runtime = opened(size=8)
    assert (runtime.input_size, runtime.channels, runtime.outputs) == ((8, 8), 3, 3)
    outputs = runtime.invoke(plain("red", 8, 8))
    assert (outputs.shape, outputs.dtype) == ((3,), np.uint8)


@pytest.mark.parametrize("input_type", ["uint8", "int8"])
def test_a_grey_input(opened, input_type):
    runtime = opened(channels=1, input_type=input_type)
    assert (runtime.input_size, runtime.channels) == ((16, 16), 1)
    assert runtime.invoke(np.full((16, 16, 1), 255, np.uint8)).argmax() == 0
    assert len(set(runtime.invoke(np.zeros((16, 16, 1), np.uint8)).tolist())) == 1


def test_float_outputs(opened):
    runtime = opened(output_type="float32")
    outputs = runtime.invoke(plain("red", 16, 16))
    assert outputs.dtype == np.float32
    assert runtime.scores(outputs).tolist() == outputs.tolist()
    assert outputs[0] == pytest.approx(255 / 256)


def test_outputs_outlive_the_next_frame(opened):
    runtime = opened()
    red = runtime.invoke(plain("red", 16, 16))
    runtime.invoke(plain("blue", 16, 16))
    assert red.tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ({"channels": 4}, r"takes uint8 \(1, 16, 16, 4\), and edgecls feeds one image, RGB or grey: "),
        ({"outputs": 2}, "has 2 outputs, an image classifier has one: choose another model"),
    ],
)
def test_networks_that_are_no_image_classifier(opened, variant, said):
    with pytest.raises(BadModel, match=said):
        opened(**variant)


def test_a_damaged_network_is_one_quiet_error(tmp_path, capfd):
    path = tmp_path / "damaged.tflite"
    path.write_bytes(build()[:500])
    with pytest.raises(BadModel, match=r"cannot be loaded by [a-z-]+ \(.+\): convert it again") as caught:
        open_runtime(path, threads=1)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err


def test_loading_is_quiet(opened, capfd):
    opened().invoke(plain("red", 16, 16))
    assert capfd.readouterr() == ("", "")


def test_an_unknown_runtime(tiny_model):
    with pytest.raises(UsageError, match="no runtime is called 'tensorrt': choose from litert, tflite-runtime"):
        open_runtime(tiny_model.path, name="tensorrt", threads=1)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, "litert or tflite-runtime is not installed: pip install ai-edge-litert or tflite-runtime"),
        ("litert", "litert is not installed: pip install ai-edge-litert"),
        ("tflite-runtime", "tflite-runtime is not installed: pip install tflite-runtime"),
    ],
)
def test_a_runtime_that_is_not_installed(tiny_model, monkeypatch, name, said):
    monkeypatch.delenv("EDGECLS_RUNTIME", raising=False)
    monkeypatch.setattr("edgecls.inference.runtimes.find_spec", lambda _: None)
    with pytest.raises(MissingExtra) as caught:
        open_runtime(tiny_model.path, name=name, threads=1)
    assert str(caught.value) == said


@pytest.mark.skipif(find_spec("tflite_runtime") is None, reason="tflite-runtime is not installed")
def test_tflite_runtime_gives_the_same_outputs(tiny_model, golden_examples):
    runtime = open_runtime(tiny_model.path, name="tflite-runtime", threads=1, reference_kernels=True)
    for example in golden_examples:
        assert tuple(runtime.invoke(load_pixels(example.image, SPEC))) == example.outputs


def test_the_environment_names_the_default(tiny_model, monkeypatch):
    monkeypatch.setenv("EDGECLS_RUNTIME", "litert")
    assert open_runtime(tiny_model.path, threads=1).name == "litert"
    monkeypatch.setenv("EDGECLS_RUNTIME", "tensorrt")
    with pytest.raises(UsageError, match="tensorrt"):
        open_runtime(tiny_model.path, threads=1)
