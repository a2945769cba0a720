"""Scale samples of any depth to 8 bits by the value that is white, which is one for a whole data set.

A camera of 12 bits writes 16-bit files whose values end at 4095; their upper 8 bits are nearly black. The white value is
found over all images of a data set, stored in the model file, and the same on the device. It is never that of a single
picture: a dark picture must stay dark.
"""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

WHITES = (1, 3, 7, 15, 16, 63, 255, 1023, 4095, 16383, 65535)
"""Candidates for white: the greatest value of 1, 2, 3, 4, 6, 8, 10, 12, 14 and 16 bits; and 16, for the digits data set,
which counts pixels on a grid of 4 x 4."""
FAINT = 16
"""The greatest white for which 8-bit files are scaled: pictures without a value above 63 may well be dark ones."""
MARGIN = 1.01
"""Factor by which values may exceed white: 4096 is meant as 4095."""
FLOAT_WHITES = tuple(white for white in WHITES if white not in (3, 7, 15))
"""The candidates for floating-point numbers, which do not use a number of bits."""
OVERSHOOT = 0.25
"""Share of white by which floating-point numbers may lie outside of 0 to white: bicubic interpolation overshoots."""
STRAY = 1e-4
"""Share of the values of a picture that are ignored: broken pixels of a sensor have the greatest value."""
CLIPPED = 1e-3
"""Share of the values of a picture above white from which a warning is logged."""

SIXTEEN_BITS = 65535


@dataclass(frozen=True, slots=True)
class White:
    """The values that become 255.

    `eight` is for files with 8 bits a sample, 1 to 255; `sixteen` for files with 16, 1 to 65535, or None if it is unknown:
    then the upper 8 bits are taken.
    """

    eight: int = 255
    sixteen: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for values that no sample can have."""
        sixteen = SIXTEEN_BITS if self.sixteen is None else self.sixteen
        if not 1 <= self.eight <= 255 or not 1 <= sixteen <= SIXTEEN_BITS:
            raise ValueError(f"impossible white: {self}")

    def of_bits(self, bits: int) -> int:
        """Return the value that is white in files of 8 or 16 `bits`."""
        return self.eight if bits == 8 else self.sixteen or SIXTEEN_BITS


UNKNOWN_WHITE = White()
"""The white of a model that was made without 16-bit files, or by another tool."""


class Samples(NamedTuple):
    """A decoded picture: uint8 or uint16 (height, width, 3), BGR. `white` is set if the file states it."""

    values: NDArray[Any]
    white: int | None = None


_SILENT = re.compile(rb"\x89PNG\r\n\x1a\n|II[*+]\0|MM\0[*+]|P[2356]\s|BM|\0\0\0\x0cjP {2}|\xff\x4f\xff\x51")
"""Formats that do not say which value is white: PNG, TIFF, PGM and PPM, BMP, JPEG 2000. In the others it is 255."""

_MAXVAL = re.compile(rb"P[2356](?:(?:\s|#[^\n]*\n)+\d{1,9}){2}(?:\s|#[^\n]*\n)+(\d{1,5})\s")


def may_be_deep(data: bytes) -> bool:
    """Return whether the encoded image may hold more than 8 bits a sample."""
    return _SILENT.match(data) is not None


def stated_white(data: bytes) -> int | None:
    """Return the value that an encoded image states as white; None if it states none, or just the greatest of its bits.

    A PGM or PPM states its greatest value, 1 to 65535 (netpbm). Many programs write 65535 in any case.
    """
    if not may_be_deep(data):
        return 255
    stated = _MAXVAL.match(data[:10_000])
    maximum = int(stated[1]) if stated else 0
    return maximum if 0 < maximum < SIXTEEN_BITS and maximum != 255 else None


def find_white(values: NDArray[Any]) -> int:
    """Return the least of `WHITES` that no value of one picture exceeds, stray ones aside; 0 if all values are 0."""
    return common_white(values[np.newaxis])


def common_white(pictures: NDArray[Any]) -> int:
    """Return the least of `WHITES` that no value of `pictures` (n, ...) exceeds, stray ones aside; 0 if all are 0."""
    brightest = pictures.reshape(len(pictures), -1).max(axis=1)
    if not brightest.any():
        return 0
    *whites, smallest = _whites(pictures.dtype)
    for white in reversed(whites):
        limit = greatest(pictures.dtype, white)
        if any(np.count_nonzero(each > limit) > STRAY * each.size for each in pictures[brightest > limit]):
            break
        smallest = white
    return smallest


def _whites(dtype: np.dtype[Any]) -> tuple[int, ...]:
    if dtype == np.uint8:
        return (*(white for white in WHITES if white <= FAINT), 255)
    return FLOAT_WHITES if dtype.kind == "f" else WHITES


def greatest(dtype: np.dtype[Any], white: int) -> float:
    """Return the greatest value that counts as `white`; an integer for integer types, which compares faster."""
    return white * (1 + OVERSHOOT) if dtype.kind == "f" else int(white * MARGIN)


def to_eight_bits(samples: Samples, white: White | None) -> NDArray[np.uint8]:
    """Return uint8 of the same shape: 0 stays 0, white and all above it becomes 255.

    The white that the file states comes first, then `white`. If that is None, a 16-bit picture is scaled by its own
    values, to be looked at. If all 16 bits are used, the upper 8 are taken.
    """
    values = samples.values
    if white is None and samples.white is None and values.dtype == np.uint16:
        return _scaled(values, find_white(values) or SIXTEEN_BITS)
    value = samples.white or (white or UNKNOWN_WHITE).of_bits(values.itemsize * 8)
    if samples.white is None and white is not None:
        _warn(values, white)
    return _scaled(values, value)


def scale_array(values: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """Scale numbers from 0 to `white` to uint8 from 0 to 255, rounded and clipped."""
    return np.clip(np.rint(values.astype(np.float64) * 255 / white), 0, 255).astype(np.uint8)


def _scaled(values: NDArray[Any], white: int) -> NDArray[np.uint8]:
    if values.dtype == np.uint16 and white == SIXTEEN_BITS:
        return (values >> 8).astype(np.uint8)
    if values.dtype == np.uint8 and white == 255:
        return values
    scaled: NDArray[np.uint8] = _table(np.iinfo(values.dtype).max, white)[values]
    return scaled  # exact, where a product may round otherwise elsewhere


@lru_cache(maxsize=8)
def _table(most: int, white: int) -> NDArray[np.uint8]:
    return scale_array(np.arange(most + 1), white)


_logged: set[object] = set()
"""The warnings that have been logged in this process: each is logged once."""


def _warn(values: NDArray[Any], white: White) -> None:
    """Log once that a picture's values do not fit the model's white."""
    value = white.of_bits(values.itemsize * 8)
    if values.dtype == np.uint16 and white.sixteen is None:
        if None not in _logged and 0 < (own := find_white(values)) <= 4095:
            _logged.add(None)
            log.warning(
                "a 16-bit picture has no value above %d, and the model takes 65535 as white, because it was made without "
                "16-bit files: the picture is nearly black: convert a data set of such files",
                own,
            )
    elif value < np.iinfo(values.dtype).max and value not in _logged:
        above = np.count_nonzero(values > greatest(values.dtype, value))
        if above > CLIPPED * values.size:
            _logged.add(value)
            log.warning(
                "a picture has values up to %d, and the model takes %d as white: brighter values are clipped: check that "
                "these files have the bit depth of the training images",
                values.max(),
                value,
            )
