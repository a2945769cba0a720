"""How much memory decoding an image takes, told by its header."""

import re
import struct

from edgecls.errors import BadImage
from edgecls.images.depth import may_be_deep
from edgecls.images.image_header import Size, image_size, is_jpeg
from edgecls.images.preprocess import Preprocessing, reduction
from edgecls.images.transparency import has_alpha

_PER_PIXEL = 8.0
"""Bytes for a decoded pixel of a JPEG. Measured with OpenCV 5.0: 3 for the picture, 3 for its copy (it may be turned)."""
_PER_PIXEL_OF_OTHERS = 11.0
"""The same of the other kinds with 8 bits a sample. Measured: 6, where EXIF turns the picture 9 to 10."""
_PER_PIXEL_OF_ALPHA = {"heif": 34.0, "tiff": 38.0, "other": 14.0}
"""The same with transparency, which is painted. Measured: AVIF 32.7, TIFF 35.9, GIF 13.0, lossless WebP 10.8, PNG 10.7."""
_PER_PIXEL_OF_HEIF = 19.0
"""AVIF is decoded in planes of YUV. Measured: 17.5."""
_PER_PIXEL_AND_BYTE = 8.0
"""More for each byte of a sample after the first. Measured: 15 to 17 with 16 bits, 24 with 32, 48 with 64."""
_PER_COEFFICIENT = 2.0
"""Bytes. A progressive JPEG is held as coefficients, all of them, however small the picture is made."""


def decoding_bytes(data: bytes, spec: Preprocessing, cover: float) -> tuple[int, Size] | None:
    """Return (the bytes that decoding `data` to fit `spec` takes at most, its width and height in pixels).

    None where the header does not tell its size: then it does not decode either.
    """
    if is_jpeg(data):
        frame = _jpeg_frame(data)
        if frame is None:
            return None
        size, coefficients = frame
        return int(_PER_PIXEL * _area(size) / reduction(size, spec, cover) ** 2 + coefficients), size
    try:
        size_or_none = image_size(data)
    except BadImage:
        return None
    return None if size_or_none is None else (int(_per_pixel(data) * _area(size_or_none)), size_or_none)


def _area(size: Size) -> int:
    return size[0] * size[1]


def _per_pixel(data: bytes) -> float:
    kind = "heif" if data[4:8] == b"ftyp" else "tiff" if data[:2] in {b"II", b"MM"} else "other"
    base = _PER_PIXEL_OF_HEIF if kind == "heif" else _PER_PIXEL_OF_OTHERS
    if has_alpha(data):
        base = _PER_PIXEL_OF_ALPHA[kind]
    return base + _PER_PIXEL_AND_BYTE * (_bytes_per_sample(data) - 1)


def _bytes_per_sample(data: bytes) -> int:
    """Of PNG and TIFF; 2 of what may have so many. One where the header does not tell."""
    if data.startswith(b"\x89PNG"):
        return 2 if data[24:25] == b"\x10" else 1
    if data[:2] not in {b"II", b"MM"}:
        return 2 if may_be_deep(data) and data[:1] == b"P" else 1
    order = "<" if data[:1] == b"I" else ">"
    try:
        (directory,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, samples = struct.unpack_from(f"{order}HHI", data, entry)
            if tag == _BITS_PER_SAMPLE:
                at = entry + 8 if samples <= 2 else struct.unpack_from(f"{order}I", data, entry + 8)[0]
                (bits,) = struct.unpack_from(f"{order}H", data, at)
                return max(1, min(int(bits), 64) // 8)
    except struct.error:
        pass
    return 1


_BITS_PER_SAMPLE = 258  # TIFF 6.0

_FRAME = re.compile(rb"\xff([\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf])")
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def _jpeg_frame(data: bytes) -> tuple[Size, int] | None:
    """((width, height), bytes of coefficients that are held) of the first frame; ITU-T T.81, annex B.

    Only the segments before it are looked at, by their lengths.
    """
    at = 2
    try:
        while data[at] == 0xFF:
            if _FRAME.match(data, at):
                height, width, count = struct.unpack_from(">HHB", data, at + 5)
                factors = [data[at + 11 + 3 * component] for component in range(count)]
                samples = sum((each >> 4) * (each & 15) for each in factors)
                most = max((each >> 4) for each in factors) * max((each & 15) for each in factors)
                held = _PER_COEFFICIENT * width * height * samples / most if data[at + 1] in _PROGRESSIVE else 0.0
                return (width, height), int(held)
            at += 1 if data[at + 1] == 0xFF else 2 + struct.unpack_from(">H", data, at + 2)[0]
    except (IndexError, struct.error, ValueError, ZeroDivisionError):
        pass
    return None
