"""Conversion of a Keras network to a TFLite flatbuffer, float or quantized, that takes uint8 RGB pixels."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgecls.errors import BadData
from edgecls.images.native_output import captured_stderr
from edgecls.progress import Progress
from edgecls.training.quantization.rounding import round_weights
from edgecls.training.settings import Quantization

ROUNDING_IMAGES = 32
"""With 16 to 64 images the int8 features are equally close to the float ones."""


def normalize(pixels: NDArray[np.uint8], mean: float, std: float) -> NDArray[np.float32]:
    """Return (pixel - mean) / std, any shape, as the network takes it."""
    normalized: NDArray[np.float32] = (pixels.astype(np.float32) - np.float32(mean)) / np.float32(std)
    return normalized


def to_float(network: keras.Model, mean: float, std: float) -> bytes:
    """Return a float32 model that casts and normalises its uint8 input."""
    return _convert(_converter(_with_pixel_input(network, mean, std)))


def quantize(
    network: keras.Model,
    mean: float,
    std: float,
    quantization: Quantization,
    calibration: Sequence[NDArray[np.uint8]],
    progress: Progress | None = None,
) -> bytes:
    """Return the network in the given precision, taking uint8 RGB pixels.

    int8: see `_to_int8`, which alone uses `calibration`. float16: weights of half the size, computed in float.
    dynamic: int8 weights, computed in float where there is no integer kernel.
    """
    progress = progress or Progress()
    if quantization == "int8":
        return _to_int8(network, mean, std, calibration, progress)
    converter = _converter(_with_pixel_input(network, mean, std))
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with progress.step(f"quantizing to {quantization}"):
        return _convert(converter)


def _with_pixel_input(network: keras.Model, mean: float, std: float) -> keras.Model:
    pixels = keras.Input(network.input_shape[1:], dtype="uint8", name="pixels")
    normalized = keras.layers.Rescaling(1 / std, -mean / std, name="normalize")(pixels)
    # Keras numbers layers without a name, and the same network would not give the same bytes twice.
    return keras.Model(pixels, network(normalized), name=network.name)


def _to_int8(
    network: keras.Model, mean: float, std: float, calibration: Sequence[NDArray[np.uint8]], progress: Progress
) -> bytes:
    """Return a model in which every tensor is an integer: uint8 input and output, int8 inside.

    `calibration` are images as on the device, uint8 (height, width, 3): all of them give the ranges of activations, the
    first `ROUNDING_IMAGES` the rounding of weights. Normalisation takes no time: it is the scale and zero point of the
    input, real = (pixel - mean) / std.
    """
    images = [normalize(pixels, mean, std) for pixels in _spanning(calibration)]
    weights = network.get_weights()
    try:
        seen = np.stack(images[:ROUNDING_IMAGES])
        with progress.step("rounding weights", len(seen)) as advance:
            round_weights(network, seen, advance)
        with progress.step("quantizing to int8", len(images)) as advance:
            flatbuffer = _convert(_int8_converter(network, images, advance))
    finally:
        network.set_weights(weights)
    _check_integer(flatbuffer)
    return flatbuffer


def _int8_converter(network: keras.Model, images: Sequence[NDArray[np.float32]], advance: Callable[[], None]) -> Any:
    def representative_dataset() -> Iterator[list[NDArray[np.float32]]]:
        for image in images:
            yield [image[np.newaxis]]
            advance()

    converter = _converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    converter.representative_dataset = representative_dataset
    return converter


def _spanning(calibration: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return the images with a black and a white pixel in the first, so that the range of the input is 0 to 255.

    An image of extremes would widen the ranges of all activations after it.
    """
    first = calibration[0].copy()
    first[0, 0], first[-1, -1] = 0, 255
    return [first, *calibration[1:]]


def _converter(network: keras.Model) -> Any:
    """Return a converter for a concrete function; `from_keras_model` raises with TensorFlow 2.21 and Keras 3.15.

    Freezing the variables into constants first takes 3 s for an int8 EfficientNet-Lite0, instead of 10 s through a
    SavedModel.
    """
    function = tf.function(lambda x: network(x, training=False))
    spec = tf.TensorSpec((1, *network.input_shape[1:]), network.inputs[0].dtype, name="pixels")
    frozen = convert_variables_to_constants_v2(function.get_concrete_function(spec))
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen], tf.Module())


def _convert(converter: Any) -> bytes:
    with captured_stderr():
        return bytes(converter.convert())


def _check_integer(flatbuffer: bytes) -> None:
    """Raise BadData for a graph with a float tensor: `TFLITE_BUILTINS_INT8` silently falls back to float."""
    interpreter = Interpreter(model_content=flatbuffer, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    floats = [t["name"] for t in interpreter.get_tensor_details() if t["dtype"] in (np.float16, np.float32)]
    if floats:
        raise BadData(
            f"the network cannot be quantized to int8 completely: {floats[0]} stays float: use --quantize float16 or dynamic"
        )
