"""Paint transparent pixels, so that a drawing that is in the alpha channel alone is visible.

Tools save drawings, icons and cut-outs with any colour under their transparent pixels: mostly black, which is often also
the colour of the drawing.
"""

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.image_format import image_format
from edgecls.images.tiff import EXTRA_SAMPLES, PHOTOMETRIC, SAMPLES_PER_PIXEL, TiffDirectory

Pixels = NDArray[Any]

LEAST_CONTRAST = 4.0
"""Standard deviation in levels of 255 below which a channel counts as uniform; lossy formats make some noise."""
_ROWS = 256
"""Rows that are painted at a time, so that a large picture needs no copy in floating point."""


def has_alpha(data: bytes) -> bool:
    """Return whether an encoded image may have an alpha channel that OpenCV gives: PNG, WebP, GIF, AVIF, TIFF and BMP."""
    match image_format(data):
        case "PNG":
            return data[25:26] in {b"\x04", b"\x06"} or b"tRNS" in data[: data.find(b"IDAT")]
        case "WebP":
            return data[12:16] == b"VP8L" or (data[12:16] == b"VP8X" and bool(data[20] & 0x10))
        case "HEIF":
            return b"auxC" in data[:1_000_000]
        case "TIFF":
            return _tiff_alpha(data) is not None
        case kind:
            return kind in {"GIF", "BMP"}


_RGB = 2
_UNDECLARED, _ASSOCIATED, _UNASSOCIATED = 0, 1, 2


def is_premultiplied(data: bytes, dtype: np.dtype[Any]) -> bool:
    """Return whether OpenCV gives colours that are multiplied by alpha: libtiff does so with 8 bits a sample."""
    alpha = _tiff_alpha(data)
    return alpha == _ASSOCIATED or (alpha == _UNASSOCIATED and dtype == np.uint8)


def _tiff_alpha(data: bytes) -> int | None:
    """Return the kind of the alpha of a TIFF (TIFF 6.0, ExtraSamples): 1 associated, 2 not; None without alpha.

    0 where a fourth sample beside RGB is not declared at all: OpenCV writes alpha so.
    """
    if image_format(data) != "TIFF":
        return None
    try:
        directory = TiffDirectory(data)
    except struct.error:
        return None
    if EXTRA_SAMPLES not in directory:
        four = directory.value(PHOTOMETRIC) == _RGB and directory.value(SAMPLES_PER_PIXEL) == 4
        return _UNDECLARED if four else None
    alpha = directory.value(EXTRA_SAMPLES)
    return alpha if alpha in {_ASSOCIATED, _UNASSOCIATED} else None


def paint(bgr: Pixels, alpha: Pixels, *, premultiplied: bool = False) -> Pixels:
    """Return the visible part of `bgr` (height, width, 3) on one colour; `alpha` is (height, width).

    Both are uint8 of 0 to 255, or uint16 with the highest alpha as opaque and white. An alpha that is the same
    everywhere is dropped. Otherwise the background is white, as in viewers; but black if all that is visible has one
    light colour, which would be lost on white.
    """
    if np.ptp(alpha) == 0:
        return bgr
    white = 255.0 if bgr.dtype == np.uint8 else float(alpha.max())
    if premultiplied:
        bgr = _divided(bgr, alpha, white)
    ground = 0.0 if _is_of_one_light_colour(bgr, alpha, white) else white
    painted = np.empty_like(bgr)
    for start in range(0, len(bgr), _ROWS):
        rows = slice(start, start + _ROWS)
        share = alpha[rows, :, np.newaxis].astype(np.float32) / np.float32(white)
        painted[rows] = np.rint(bgr[rows] * share + ground * (1 - share))
    return painted


def _is_of_one_light_colour(bgr: Pixels, alpha: Pixels, white: float) -> bool:
    visible = (alpha > int(alpha.max()) // 2).astype(np.uint8)
    mean, deviation = cv2.meanStdDev(bgr, mask=visible)
    blue, green, red = mean.ravel()[:3]
    light = 0.299 * red + 0.587 * green + 0.114 * blue >= white / 2
    return bool(light and deviation.max() < LEAST_CONTRAST * white / 255)


def _divided(bgr: Pixels, alpha: Pixels, white: float) -> Pixels:
    """Undo the multiplication of the colours by alpha."""
    divisor = np.maximum(alpha, 1)[..., np.newaxis].astype(np.float32)
    return np.clip(np.rint(bgr * (np.float32(white) / divisor)), 0, white).astype(bgr.dtype)  # type: ignore[no-any-return]
