"""The numpy of docs/explanation/arithmetic.md computes what the layers of Keras and the int8 kernels of TFLite compute."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from paths import ROOT

pytest.importorskip("tensorflow", reason="the layers that the page is compared with are in the extra `convert`")

import keras
import scipy.signal
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecls.images.preprocess import load_pixels
from edgecls.model.bundled import default_model
from edgecls.model.model_file import read_model
from edgecls.training.quantization.quantize import normalize, quantize, to_float

pytestmark = pytest.mark.slow  # imports TensorFlow

PAGE = ROOT / "docs" / "explanation" / "arithmetic.md"
INT8_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX")
NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name in INT8_LAYERS}


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def untested(text, tests):
    """Return the blocks without a function, and the functions that no test uses as `page.NAME`."""
    used = {
        node.attr
        for test in ast.parse(tests).body
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_")
        for node in ast.walk(test)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "page"
    }
    found = []
    for block in blocks(text):
        functions = [node.name for node in ast.parse(block).body if isinstance(node, ast.FunctionDef)]
        found += [name for name in functions if name not in used] if functions else [block]
    return found


@pytest.fixture(scope="module")
def page():
    """Return the functions of the page."""
    names: dict[str, Any] = {}
    for block in blocks(PAGE.read_text()):
        exec(compile(block, str(PAGE), "exec"), names)
    return SimpleNamespace(**names)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_every_block_of_the_page_is_tested():
    assert len(blocks(PAGE.read_text())) > 15
    assert untested(PAGE.read_text(), Path(__file__).read_text()) == []


def test_a_block_without_a_test_is_found():
    page = "```python\ndef a(): ...\n```\n```python\ndef b(): ...\n```\n```python\nx = 1\n```"
    assert untested(page, "def test_a(page):\n    page.a()\ndef helper(page):\n    page.b()") == ["b", "x = 1\n"]


def result(layer, x):
    """Return the output of a Keras layer for one example."""
    return np.asarray(layer(np.asarray(x, np.float32)[np.newaxis]))[0]


def same(computed, expected):
    assert computed.shape == expected.shape
    assert np.allclose(computed, expected, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolution(page, rng, k, stride, padding):
    x = rng.normal(size=(13, 10, 3))
    for keras_layer, function in (
        (keras.layers.Conv2D(4, k, strides=stride, padding=padding), page.convolve),
        (keras.layers.DepthwiseConv2D(k, strides=stride, padding=padding), page.depthwise),
    ):
        keras_layer.build((None, *x.shape))
        kernel, bias = (rng.normal(size=weights.shape) for weights in keras_layer.get_weights())
        keras_layer.set_weights([kernel, bias])
        padded = page.pad_same(x, k, stride) if padding == "same" else x
        same(function(padded, np.squeeze(kernel, 3) if function is page.depthwise else kernel, bias, stride),
             result(keras_layer, x))  # fmt: skip


def test_the_textbook_flips_and_frameworks_do_not(page, rng):
    image, kernel = rng.normal(size=(9, 8)), rng.normal(size=(3, 3))
    flipped = page.textbook_convolution(image, kernel)
    same(flipped, scipy.signal.convolve2d(image, kernel, mode="valid"))
    framework = keras.layers.Conv2D(1, 3, use_bias=False)
    framework.build((None, 9, 8, 1))
    framework.set_weights([kernel[..., np.newaxis, np.newaxis]])
    computed = result(framework, image[..., np.newaxis])[..., 0]
    same(scipy.signal.correlate2d(image, kernel, mode="valid"), computed)
    assert not np.allclose(flipped, computed)
    assert page.only_the_flip_is_different(image, kernel)


def test_what_the_page_says_of_flipped_kernels(page, rng):
    image, blur, sobel = rng.normal(size=(9, 8)), np.ones((3, 3)) / 9, np.outer([1, 2, 1], [-1, 0, 1])
    for kernel, sign in ((blur, 1), (sobel, -1)):
        same(page.textbook_convolution(image, kernel), sign * scipy.signal.correlate2d(image, kernel, mode="valid"))
    x, w = rng.normal(size=9), rng.normal(size=4)
    same(np.convolve(x, w), np.convolve(w, x))
    same(np.convolve(x, w, "valid"), np.correlate(x, w[::-1], "valid"))


def test_relu6(page, rng):
    x = rng.normal(size=(5, 5, 3)) * 8
    same(page.relu6(x), result(keras.layers.ReLU(max_value=6.0), x))


def random_norm(rng, channels):
    """A BatchNormalization as it is after training, and its arrays in the order of `fold`."""
    norm = keras.layers.BatchNormalization(epsilon=1e-3)
    norm.build((None, None, None, channels))
    statistics = [*rng.normal(size=(3, channels)), rng.uniform(0.1, 2, channels)]
    norm.set_weights(statistics)
    return norm, statistics


def test_a_folded_batchnorm(page, rng):
    x, kernel, bias = rng.normal(size=(8, 8, 3)), rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4)
    norm, statistics = random_norm(rng, 4)
    same(page.convolve(x, *page.fold(kernel, bias, *statistics)), result(norm, page.convolve(x, kernel, bias)))


def test_the_converter_folds_like_that(page, rng):
    inputs = keras.Input((8, 8, 3))
    convolution = keras.layers.Conv2D(4, 3)
    norm, statistics = random_norm(rng, 4)
    network = keras.Model(inputs, norm(convolution(inputs)))
    norm.set_weights(statistics)
    (conv,) = layers(to_float(network, 0.0, 1.0))
    kernel, bias = page.fold(*convolution.get_weights(), *statistics)
    same(conv.kernel.transpose(1, 2, 3, 0), kernel)
    same(conv.bias, bias)


@pytest.mark.parametrize(("k", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_pooling(page, rng, k, stride):
    x = rng.normal(size=(9, 11, 3))
    assert page.windows(x, k, stride).shape[3:] == (k, k)
    same(page.max_pool(x, k, stride), result(keras.layers.MaxPooling2D(k, stride), x))
    same(page.average_pool(x, k, stride), result(keras.layers.AveragePooling2D(k, stride), x))
    same(page.global_average_pool(x), result(keras.layers.GlobalAveragePooling2D(), x))


def dense(weights, bias, activation):
    layer = keras.layers.Dense(weights.shape[1], activation=activation)
    layer.build((None, weights.shape[0]))
    layer.set_weights([weights, bias])
    return layer


def test_fully_connected_layer_softmax_and_temperature(page, rng):
    x, weights, bias = rng.normal(size=20), rng.normal(size=(20, 5)), rng.normal(size=5)
    logits = page.fully_connected(x, weights, bias)
    same(logits, result(dense(weights, bias, None), x))
    same(page.softmax(logits), result(dense(weights, bias, "softmax"), x))
    same(page.softmax(logits / 1.7), result(dense(*page.cool(weights, bias, 1.7), "softmax"), x))
    assert page.softmax(np.array([1000.0, 0.0])).tolist() == [1, 0]  # nothing overflows


@dataclass
class Layer:
    """One operator of a TFLite model, with what went in and what came out of it."""

    name: str
    x: Any
    kernel: Any
    bias: Any
    y: Any
    x_grid: tuple[float, int]
    y_grid: tuple[float, int]
    kernel_scales: Any
    stride: int
    same_padding: bool

    @property
    def multiplier(self):
        return self.x_grid[0] * self.kernel_scales / self.y_grid[0]


def layers(flatbuffer, pixels=None):
    """The layers that the page explains, run by TFLite's reference kernels over `pixels` (or black)."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    interpreter = Interpreter(
        model_content=flatbuffer,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    (details,) = interpreter.get_input_details()
    black = np.zeros(details["shape"][1:], details["dtype"])
    interpreter.set_tensor(details["index"], (black if pixels is None else pixels)[np.newaxis])
    interpreter.invoke()
    codes = [NAMES.get(max(code.builtinCode, code.deprecatedBuiltinCode)) for code in model.operatorCodes]
    operators = [(codes[op.opcodeIndex], op) for op in model.subgraphs[0].operators]
    return [_layer(name, op, model.subgraphs[0].tensors, interpreter) for name, op in operators if name]


def _layer(name, op, tensors, interpreter):
    values = [interpreter.get_tensor(index) for index in (*op.inputs, *op.outputs)]
    grids = [tensors[index].quantization for index in (*op.inputs, *op.outputs)]
    kernel, bias = (values[1], values[2]) if len(values) == 4 else (None, None)
    return Layer(
        name=name,
        x=values[0],
        kernel=kernel,
        bias=bias,
        y=values[-1],
        x_grid=_grid(grids[0]),
        y_grid=_grid(grids[-1]),
        kernel_scales=None if kernel is None or grids[1].scale is None else grids[1].scale.astype(np.float64),
        stride=getattr(op.builtinOptions, "strideH", 1),
        same_padding=getattr(op.builtinOptions, "padding", None) == schema.Padding.SAME,
    )


def _grid(quantization):
    if quantization is None or quantization.scale is None:
        return 0.0, 0
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])


@pytest.fixture(scope="module")
def shipped():
    """The layers of the ImageNet model that edgecls ships, over each of its golden examples."""
    model = read_model(default_model())
    images = [load_pixels(example.image, model.info.preprocessing) for example in model.golden]
    return [layers(model.path.read_bytes(), pixels) for pixels in images]


def test_every_convolution_of_the_shipped_network_to_the_bit(page, shipped):
    convolutions = [layer for layer in shipped[0] if "CONV" in layer.name]
    assert len(convolutions) == 49
    for layer in convolutions:
        x, x_zero = layer.x[0], layer.x_grid[1]
        if layer.same_padding:
            x = page.pad_same(x, layer.kernel.shape[1], layer.stride, x_zero)
        if layer.name == "CONV_2D":
            kernel, function = layer.kernel.transpose(1, 2, 3, 0), page.convolve
        else:
            kernel, function = layer.kernel[0], page.depthwise
        grid = (layer.multiplier, layer.y_grid[1], layer.stride)
        computed = page.int8_convolution(x, x_zero, kernel, layer.bias, *grid, layer=function)
        assert np.array_equal(computed, layer.y[0])


def test_its_fully_connected_layer_to_the_bit(page, shipped):
    for *_, layer, _ in shipped:
        x_zero, y_zero = layer.x_grid[1], layer.y_grid[1]
        computed = page.int8_fully_connected(layer.x[0], x_zero, layer.kernel.T, layer.bias, layer.multiplier, y_zero)
        assert np.array_equal(computed, layer.y[0])


def test_its_softmax_within_a_step(page, shipped):
    for *_, layer in shipped:
        assert layer.y_grid == (1 / 256, -128)
        computed = page.int8_softmax(layer.x[0], *layer.x_grid)
        assert np.abs(computed.astype(int) - layer.y[0]).max() <= 1
        assert computed.max() > -100  # something was found


@pytest.mark.parametrize("real", [1.0, 0.5, 0.0009907433487311333, 1 - 2**-40, 1e-9, 3.7])
def test_fixed_point(page, real):
    m, e = page.fixed_point(np.array(real))
    assert 2**30 <= m < 2**31
    assert m * 2.0 ** (e - 31) == pytest.approx(real, rel=2**-31)


def test_requantization_is_multiplication_and_rounding(page, rng):
    accumulator, multiplier = rng.integers(-(2**20), 2**20, (1000, 8)).astype(np.int32), rng.uniform(1e-5, 1.5, 8)
    error = np.abs(page.requantize(accumulator, multiplier) - accumulator * multiplier)
    assert error.max() < 0.751  # rounded twice
    assert error.mean() == pytest.approx(0.25, abs=0.02)


@pytest.fixture(scope="module")
def converted():
    """A network, uint8 images, and the layers of its int8 model."""
    keras.utils.set_random_seed(0)
    inputs, bias = keras.Input((12, 12, 3)), {"bias_initializer": "normal"}  # one of zeros would be left out
    convolution, last = keras.layers.Conv2D(6, 3, **bias), keras.layers.Dense(5, **bias)
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU(6.0)(convolution(inputs)))
    network = keras.Model(inputs, keras.layers.Softmax()(last(features)))
    images = list(np.random.default_rng(0).integers(0, 256, (20, 12, 12, 3), np.uint8))
    images[0][0, 0], images[0][-1, -1] = 0, 255
    return network, last, images, layers(quantize(network, 127.0, 128.0, "int8", images), images[3])


def test_the_converter_chooses_the_same_grids(page, converted):
    network, last, images, (convolution, connected, _) = converted
    assert page.pixel_grid(127.0, 128.0) == (1 / 128, 127)
    assert convolution.x_grid == (1 / 128, 127 - 128)  # the same behind the cast from uint8 to int8
    kernel, scales = page.quantize_weights(last.get_weights()[0])
    assert np.array_equal(kernel, connected.kernel.T)
    assert np.allclose(scales, connected.kernel_scales)
    logits = np.asarray(keras.Model(network.input, last.output)(normalize(np.stack(images), 127.0, 128.0)))
    scale, zero_point = page.activation_grid(logits.min(), logits.max())
    assert connected.y_grid == (pytest.approx(scale, rel=0.02), pytest.approx(zero_point, abs=3))
    assert page.activation_grid(0.0, 6.0) == (6 / 255, -128)
    assert convolution.y_grid[1] == -128


def test_int8_is_near_to_the_float_layer(page, converted):
    network, _, images, (convolution, _, _) = converted
    kernel, bias = network.layers[1].get_weights()
    x = normalize(images[3], 127.0, 128.0)
    assert np.array_equal(page.dequantize(convolution.x[0], *convolution.x_grid), x)
    assert np.array_equal(page.quantize(x, *convolution.x_grid), convolution.x[0])
    expected = page.relu6(page.convolve(x, kernel, bias))
    computed = page.dequantize(convolution.y[0], *convolution.y_grid)
    assert np.abs(computed - expected).max() < 4 * convolution.y_grid[0]
