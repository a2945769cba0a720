"""Rounds the weights of convolutions to 8 bits so that their errors cancel on real images.

Rounding each weight to its nearest step treats all errors alike, but what counts is the error of the sum that a
convolution computes. The inputs of a kernel are strongly correlated (neighbouring pixels are nearly equal), so a
rounding error of one weight can be made good by the next ones: that is optimal brain quantization (Frantar et al.
2022, GPTQ), here for convolutions. With H = E[x x'] over the kernel's input patches x, weights are rounded one after
the other, and the error of each is spread over those still to come, as the inverse of H says.

The rounded weights are floats that lie on the grid which TFLite's converter will find by itself (per output channel,
the largest magnitude is 127 steps), so the converter's own rounding then changes nothing.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

_STEPS = 127
_DAMPING = 0.01  # of the mean of H's diagonal, for directions that the images hardly have
_BATCH = 8


def round_weights(network: keras.Model, inputs: NDArray[np.float32]) -> None:
    """Round the kernels of all convolutions of `network` in place; `inputs` are normalised, (images, h, w, 3)."""
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]
    moments = _second_moments(network, convolutions, inputs)
    for layer, moment in zip(convolutions, moments, strict=True):
        kernel, *rest = layer.get_weights()
        rows = _as_rows(layer, kernel)
        rounded = compensated_rounding(rows, moment)
        layer.set_weights([_from_rows(layer, rounded, kernel.shape), *rest])


def compensated_rounding(rows: NDArray[np.float32], moments: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weights (channels, n) -> the same on each channel's grid of 127 steps to its largest magnitude.

    `moments` is E[x x'] of the n inputs: (n, n) for all channels, or (channels, n, n).
    """
    upper = _inverse_factor(moments)
    steps = np.abs(rows).max(axis=1) / _STEPS
    steps[steps == 0] = 1.0
    left = rows.astype(np.float64).copy()
    rounded = np.zeros_like(left)
    for i in range(rows.shape[1]):
        rounded[:, i] = np.clip(np.round(left[:, i] / steps), -_STEPS, _STEPS) * steps
        error = (left[:, i] - rounded[:, i]) / upper[..., i, i]
        left[:, i:] -= error[:, np.newaxis] * upper[..., i, i:]
    largest = np.abs(rows).argmax(axis=1)
    every = np.arange(len(rows))
    rounded[every, largest] = rows[every, largest]  # or the converter would find another grid
    return rounded.astype(np.float32)


def _inverse_factor(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper Cholesky factor of the inverse of H."""
    n = moments.shape[-1]
    level = np.trace(moments, axis1=-2, axis2=-1) / n
    damped = moments + (_DAMPING * np.maximum(level, 1e-12))[..., np.newaxis, np.newaxis] * np.eye(n)
    return np.linalg.cholesky(np.linalg.inv(damped)).swapaxes(-2, -1)


def _second_moments(network: keras.Model, convolutions: Sequence[Any], inputs: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    probe = keras.Model(network.inputs, [layer.input for layer in convolutions])
    totals: list[Any] = [0.0] * len(convolutions)
    for start in range(0, len(inputs), _BATCH):
        for i, (layer, x) in enumerate(zip(convolutions, probe(inputs[start : start + _BATCH], training=False), strict=True)):
            totals[i] = totals[i] + _moment(layer, np.asarray(x))
    return totals


def _moment(layer: Any, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of x x' over all patches of a batch (b, h, w, c); for a depthwise layer per channel."""
    patches = _patches(layer, x)  # (positions, taps, channels)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        channelwise = np.ascontiguousarray(patches.transpose(2, 1, 0))
        return (channelwise @ channelwise.swapaxes(1, 2)).astype(np.float64)
    flat = patches.reshape(len(patches), -1)
    return (flat.T @ flat).astype(np.float64)


def _patches(layer: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each position of the kernel sees: (positions, height * width, channels), zero where it is padded."""
    height, width = layer.kernel_size
    stride = layer.strides[0]
    rows, columns = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    below, right = ((rows - 1) * stride + height - x.shape[1]), ((columns - 1) * stride + width - x.shape[2])
    below, right = max(below, 0), max(right, 0)
    padded = np.pad(x, ((0, 0), (below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (1, 2))[:, ::stride, ::stride]
    return windows.reshape(-1, x.shape[3], height * width).swapaxes(1, 2)


def _as_rows(layer: Any, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keras's kernel -> (output channels, inputs in the order of `_patches`)."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return kernel.reshape(-1, kernel.shape[2]).T
    return kernel.reshape(-1, kernel.shape[3]).T


def _from_rows(layer: Any, rows: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return rows.T.reshape(shape)
