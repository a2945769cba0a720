"""From pixels to the values of an input tensor: normalized, and quantized, as the model wants them."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgecls.model.image_metadata import Normalization

RANGES = {
    "0..255": Normalization((0.0,), (1.0,)),
    "0..1": Normalization((0.0,), (255.0,)),
    "-1..1": Normalization((127.5,), (127.5,)),
}
"""Name -> how pixels get into that range."""


def pixel_table(
    dtype: DTypeLike, scale: float, zero_point: int, normalization: Normalization, channels: int
) -> NDArray[Any] | None:
    """Return the input value of each pixel value, (256, channels) in `dtype`; None where pixels are fed as they are.

    A float input takes (pixel - mean) / std. A quantized one takes that as real value = scale * (value - zero_point);
    but pixels as they are (int8: less 128) where the metadata are not about this tensor: the range that it holds is then
    another by more than a factor of four. Where both amount to the same, within one step, it is pixels as they are too.

    Raises ValueError where means and channels disagree in number.
    """
    dtype = np.dtype(dtype)
    real = normalized(normalization, channels)
    if dtype.kind == "f":
        return real.astype(dtype)
    if not scale:
        return None
    span = np.abs(real[255] - real[0]).max() / (255 * scale)
    if not 0.25 <= span <= 4:
        return None
    limits = np.iinfo(dtype)
    values = np.clip(np.rint(real / scale + zero_point), limits.min, limits.max)
    as_they_are = np.arange(256)[:, None] + limits.min
    return None if np.abs(values - as_they_are).max() <= 1 else values.astype(dtype)


def normalized(normalization: Normalization, channels: int) -> NDArray[np.float64]:
    """Return (pixel - mean) / std of each pixel value, (256, channels). Raises ValueError for another number of means."""
    mean, std = np.array(normalization.mean), np.array(normalization.std)
    if mean.size not in (1, channels) or std.size not in (1, channels):
        raise ValueError(f"{mean.size} means and {std.size} standard deviations for {channels} channels")
    table = (np.arange(256.0)[:, None] - mean) / std
    return np.broadcast_to(table, (256, channels))
