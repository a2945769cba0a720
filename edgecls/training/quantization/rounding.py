"""Rounding of convolution weights to 8 bits such that the errors cancel on real images.

Rounding each weight to the nearest step treats all errors alike, but what counts is the error of the sum that a
convolution computes. The inputs of a kernel are strongly correlated (neighbouring pixels are nearly equal), so later
weights can compensate the rounding error of earlier ones. This is optimal brain quantization (Frantar et al. 2022,
GPTQ), applied to convolutions: with H = E[x x'] over the input patches x of a kernel, the weights are rounded one after
the other, and the error of each is spread over the remaining ones in proportion to the inverse of H.

The rounded weights are floats on the grid that TFLite's converter derives from them (per output channel, 127 steps to
the largest magnitude), so the converter's own rounding changes nothing. Measurements: docs/quantization.md.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

_STEPS = 127
_DAMPING = 0.01
"""Added to the diagonal of H, relative to its mean, for directions that the images hardly contain."""
_BATCH_PIXELS = 8 * 224 * 224
"""Pixels per batch. The inputs of all convolutions of a batch are in memory at once: 220 MB for EfficientNet-Lite0."""
_POSITIONS = 14
"""Kernel positions per image, in each direction. The positions in between look alike and would take 64 times as long."""

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


def round_weights(
    network: keras.Model, inputs: NDArray[np.float32], advance: Callable[[], None] = lambda: None
) -> None:
    """Round the kernels of all convolutions of `network`, in place.

    `inputs` are normalised images (images, height, width, channels). `advance` is called after each image.
    """
    convolutions = [layer for layer in network.layers if isinstance(layer, _CONVOLUTIONS)]
    if not convolutions:
        return
    for layer, moments in zip(convolutions, _second_moments(network, convolutions, inputs, advance), strict=True):
        kernel, *rest = layer.get_weights()
        outputs = kernel.shape[2 if isinstance(layer, keras.layers.DepthwiseConv2D) else 3]
        rounded = compensated_rounding(kernel.reshape(-1, outputs).T, moments)
        layer.set_weights([rounded.T.reshape(kernel.shape), *rest])


def compensated_rounding(rows: NDArray[np.float32], moments: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round weights (channels, n) to the grid of their channel: 127 steps to its largest magnitude.

    `moments` is E[x x'] of the n inputs: (n, n) for all channels, or (channels, n, n).
    """
    weights = rows.astype(np.float64).T
    steps = np.abs(weights).max(axis=0) / _STEPS
    steps[steps == 0] = 1.0
    feedback = _feedback(moments)
    rounded, errors = np.zeros_like(weights), np.zeros_like(weights)
    for i in range(len(weights)):
        shares, before = feedback[..., i, :i], errors[:i]
        carried = shares @ before if shares.ndim == 1 else np.einsum("cj,jc->c", shares, before)
        rounded[i] = np.clip(np.round((weights[i] + carried) / steps), -_STEPS, _STEPS) * steps
        errors[i] = weights[i] - rounded[i]
    largest, every = np.abs(weights).argmax(axis=0), np.arange(len(rows))
    rounded[largest, every] = weights[largest, every]  # otherwise the converter would derive another grid
    return np.asarray(rounded.T, np.float32)


def _feedback(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., n, n): element [i, j] is the share of the error of weight j < i that weight i compensates.

    With H = R R' (R upper triangular, by a Cholesky factorization from the end), it is R[j, i] / R[i, i]. This is the
    rule of GPTQ, without the inverse of H (LDLQ in Chee et al. 2023, QuIP, who prove that both are the same).
    """
    n = moments.shape[-1]
    level = np.trace(moments, axis1=-2, axis2=-1) / n
    damped = moments + (_DAMPING * np.maximum(level, 1e-12))[..., np.newaxis, np.newaxis] * np.eye(n)
    lower = np.linalg.cholesky(damped[..., ::-1, ::-1])[..., ::-1, ::-1].swapaxes(-2, -1)  # R'
    return np.ascontiguousarray(lower / np.diagonal(lower, axis1=-2, axis2=-1)[..., np.newaxis])


def _second_moments(
    network: keras.Model, convolutions: Sequence[Any], inputs: NDArray[np.float32], advance: Callable[[], None]
) -> list[NDArray[np.float64]]:
    """Return H of each convolution, summed over positions and images."""
    probe = keras.Model(network.inputs, [layer.input for layer in convolutions])
    totals: list[Any] = [0.0] * len(convolutions)
    size = max(1, _BATCH_PIXELS // (inputs.shape[1] * inputs.shape[2]))
    for start in range(0, len(inputs), size):
        batch = inputs[start : start + size]
        layer_inputs = keras.tree.flatten(probe([batch], training=False))  # with one output, Keras returns no list
        for i, (layer, x) in enumerate(zip(convolutions, layer_inputs, strict=True)):
            totals[i] += _moments(layer, np.asarray(x))
        for _ in batch:
            advance()
    return totals


def _moments(layer: Any, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sum of x x' over patches of a batch (images, height, width, channels); per channel if depthwise."""
    patches = _patches(layer, x, _POSITIONS)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        taps = np.ascontiguousarray(patches.transpose(2, 1, 0))
        return np.asarray(taps @ taps.swapaxes(1, 2), np.float64)
    flat = patches.reshape(len(patches), -1)
    return np.asarray(flat.T @ flat, np.float64)


def _patches(layer: Any, x: NDArray[np.float32], positions: int) -> NDArray[np.float32]:
    """Return what the kernel sees: (positions, kernel height * width, channels), zero in the padding.

    Where the kernel has more than `positions` positions in a direction, about that many, evenly spaced, are taken.
    """
    size, strides = np.array(layer.kernel_size), np.array(layer.strides)
    if layer.padding == "same":
        outputs = -(-np.array(x.shape[1:3]) // strides)
        missing = np.maximum((outputs - 1) * strides + size - x.shape[1:3], 0)
        x = np.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in missing), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, size, (1, 2))[:, :: strides[0], :: strides[1]]
    skip_y, skip_x = (-(-n // positions) for n in windows.shape[1:3])
    windows = windows[:, skip_y // 2 :: skip_y, skip_x // 2 :: skip_x]
    return np.asarray(windows.reshape(-1, x.shape[3], size.prod()).swapaxes(1, 2))
