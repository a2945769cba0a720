"""Estimate from the header how much memory decoding an image takes."""

import struct

from edgecls.errors import BadImage
from edgecls.images.depth import may_be_deep
from edgecls.images.framing import Preprocessing, reduction
from edgecls.images.image_format import Format, image_format, is_jpeg
from edgecls.images.image_header import Size, image_size
from edgecls.images.jpeg_segments import frame_header
from edgecls.images.tiff import BITS_PER_SAMPLE, TiffDirectory
from edgecls.images.transparency import has_alpha

_PER_PIXEL = 8.0
"""Bytes for a decoded pixel of a JPEG: 3 for the picture, 3 for its copy if it is turned, and a margin."""
_PER_PIXEL_OF_OTHERS = 11.0
"""The same for the other formats with 8 bits a sample. Measured: 6, and 9 to 10 if EXIF turns the picture."""
_PER_PIXEL_OF_ALPHA: dict[Format | None, float] = {"HEIF": 34.0, "TIFF": 38.0}
_PER_PIXEL_OF_OTHERS_WITH_ALPHA = 14.0
"""The same with transparency, which is painted. Measured: AVIF 32.7, TIFF 35.9, GIF 13.0, lossless WebP 10.8, PNG 10.7."""
_PER_PIXEL_OF_HEIF = 19.0
"""AVIF is decoded in planes of YUV. Measured: 17.5."""
_PER_PIXEL_AND_BYTE = 8.0
"""Added for each byte of a sample after the first. Measured: 15 to 17 with 16 bits, 24 with 32, 48 with 64."""
_PER_COEFFICIENT = 2.0
"""Bytes. All coefficients of a progressive JPEG are kept in memory, at any scale."""


def decoding_bytes(data: bytes, spec: Preprocessing, cover: float) -> tuple[int, Size] | None:
    """Return (the bytes that decoding `data` to fit `spec` takes at most, its width and height in pixels).

    Returns None if the header does not tell the size: then the image does not decode either.
    """
    if is_jpeg(data):
        frame = frame_header(data)
        if frame is None:
            return None
        size = frame.width, frame.height
        held = _PER_COEFFICIENT * frame.coefficients if frame.is_progressive else 0
        return int(_PER_PIXEL * _area(size) / reduction(size, spec, cover) ** 2 + held), size
    try:
        size_or_none = image_size(data)
    except BadImage:
        return None
    return None if size_or_none is None else (int(_per_pixel(data) * _area(size_or_none)), size_or_none)


def _area(size: Size) -> int:
    return size[0] * size[1]


def _per_pixel(data: bytes) -> float:
    kind = image_format(data)
    base = _PER_PIXEL_OF_HEIF if kind == "HEIF" else _PER_PIXEL_OF_OTHERS
    if has_alpha(data):
        base = _PER_PIXEL_OF_ALPHA.get(kind, _PER_PIXEL_OF_OTHERS_WITH_ALPHA)
    return base + _PER_PIXEL_AND_BYTE * (_bytes_per_sample(data) - 1)


def _bytes_per_sample(data: bytes) -> int:
    """Return the bytes of a sample of a PNG or TIFF; of other formats, 2 if they may have 16 bits, else 1."""
    if image_format(data) == "PNG":
        return 2 if data[24:25] == b"\x10" else 1
    if image_format(data) != "TIFF":
        return 2 if may_be_deep(data) and data[:1] == b"P" else 1
    try:
        bits = TiffDirectory(data).value(BITS_PER_SAMPLE) or 8
    except struct.error:
        return 1
    return max(1, min(bits, 64) // 8)
