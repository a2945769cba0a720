"""Where a network can be cut in two: the lower part is run once and its outputs kept, the upper part is trained."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def cut_points(network: keras.Model) -> list[str]:
    """Names of the layers, from the input on, whose output is all that later layers need of what came before.

    Of neighbours only the smallest is named, the last of equals (the bottlenecks between blocks): what is kept of
    each image should be small. The input itself and the last layer are not among them.
    """
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    alone = [layer for layer in layers[:-1] if _is_alone(layer, layers)]
    sizes = [_size(layer) for layer in alone]
    padded = [np.inf, *sizes, np.inf]
    return [
        layer.name
        for layer, (before, size, after) in zip(alone, zip(padded, padded[1:], padded[2:], strict=False), strict=True)
        if size <= before and size < after
    ]


def lower_part(network: keras.Model, cut: str) -> keras.Model:
    """From the input to the output of the layer `cut`."""
    return keras.Model(network.inputs[0], network.get_layer(cut).output, name="lower")


def upper_part(network: keras.Model, cut: str | None) -> keras.Model:
    """From the output of the layer `cut`, or from the input where that is None, to the end. Shares the weights."""
    begin = network.get_layer(cut).output if cut else network.inputs[0]
    return keras.Model(begin, network.outputs[0], name="upper")


def network_multiply_adds(network: keras.Model) -> float:
    """Of one image, by its convolutions and dense layers, which are nearly all of the work."""
    return float(sum(_multiply_adds(layer) for layer in network.layers))


def _multiply_adds(layer: Any) -> float:
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        # Each position of the output is a sum over the kernel; a depthwise kernel is one for each of its channels.
        return float(np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape))
    return float(np.prod(layer.kernel.shape)) if isinstance(layer, keras.layers.Dense) else 0.0


def _is_alone(layer: Any, layers: Sequence[Any]) -> bool:
    """Whether no later layer reads the output of an earlier one."""
    index = layers.index(layer)
    earlier = {id(tensor) for one in layers[:index] for tensor in keras.tree.flatten(one.output)}
    later = (tensor for one in layers[index + 1 :] for tensor in keras.tree.flatten(one.input))
    return not any(id(tensor) in earlier for tensor in later)


def _size(layer: Any) -> float:
    return float(np.prod(layer.output.shape[1:]))
