"""Cut a network in two: the lower part is run once and its outputs are cached, the upper part is trained."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def cut_points(network: keras.Model) -> list[str]:
    """Return the names of the layers whose output is all that later layers need, from the input on.

    Of neighbours only the smallest is returned, the last of equals (the bottlenecks between blocks), since the cached
    output of each image should be small. The input itself and the last layer are not among them.
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
    """Return the network from the input to the output of the layer `cut`."""
    return keras.Model(network.inputs[0], network.get_layer(cut).output, name="lower")


def upper_part(network: keras.Model, cut: str | None) -> keras.Model:
    """Return the network from the output of the layer `cut`, or from the input, to the end. It shares the weights."""
    begin = network.get_layer(cut).output if cut else network.inputs[0]
    return keras.Model(begin, network.outputs[0], name="upper")


def network_multiply_adds(network: keras.Model) -> float:
    """Return the multiply-adds per image of convolutions and dense layers, which are nearly all of the work."""
    return float(sum(_multiply_adds(layer) for layer in network.layers))


def _multiply_adds(layer: Any) -> float:
    if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        # Each position of the output is a sum over the kernel; a depthwise kernel has one per channel.
        return float(np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape))
    return float(np.prod(layer.kernel.shape)) if isinstance(layer, keras.layers.Dense) else 0.0


def _is_alone(layer: Any, layers: Sequence[Any]) -> bool:
    """Return whether no later layer reads the output of an earlier one."""
    index = layers.index(layer)
    earlier = {id(tensor) for one in layers[:index] for tensor in keras.tree.flatten(one.output)}
    later = (tensor for one in layers[index + 1 :] for tensor in keras.tree.flatten(one.input))
    return not any(id(tensor) in earlier for tensor in later)


def _size(layer: Any) -> float:
    return float(np.prod(layer.output.shape[1:]))
