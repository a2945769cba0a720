"""Read how a picture has to be turned: from EXIF in JPEG, PNG and WebP, from irot and imir in AVIF.

simplejpeg turns nothing, OpenCV turns WebP only from 5.0 on and AVIF never. So all of these are turned here; only TIFF
is left to OpenCV, which turns it in all versions.
"""

import struct
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.image_format import image_format
from edgecls.images.image_header import riff_chunks
from edgecls.images.jpeg_segments import exif
from edgecls.images.tiff import ORIENTATION, TiffDirectory

UPRIGHT = 1
_QUARTER_TURNS = {0: 1, 1: 8, 2: 3, 3: 6}
"""irot, in quarter turns anti-clockwise -> EXIF orientation."""
_MIRRORED = {1: (4, 2), 8: (5, 7), 3: (2, 4), 6: (7, 5)}
"""EXIF orientation -> the one of the same picture mirrored: (top and bottom exchanged, left and right exchanged)."""


def read_orientation(data: bytes) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG, PNG, WebP or AVIF.

    1 (upright) if there is none, or none that can be read; also for the other formats.
    """
    try:
        match image_format(data):
            case "JPEG":
                return _orientation_in_exif(exif(data))
            case "PNG":
                return _orientation_in_exif(_chunk(_png_chunks(data), b"eXIf"))
            case "WebP":
                return _orientation_in_exif(_chunk(riff_chunks(data), b"EXIF"))
            case "HEIF":
                return _orientation_of_avif(data)
    except (struct.error, IndexError):
        pass
    return UPRIGHT


def upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn pixels (height, width[, channels]) as an EXIF orientation demands."""
    if orientation in {5, 6, 7, 8}:
        image = cv2.transpose(image)  # type: ignore[assignment]  # OpenCV's stubs say "some array"
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if flip is None else cv2.flip(image, flip)  # type: ignore[return-value]


def _orientation_in_exif(data: bytes) -> int:
    data = data.removeprefix(b"Exif\0\0")
    if data[:2] not in {b"II", b"MM"}:
        return UPRIGHT
    orientation = TiffDirectory(data).value(ORIENTATION)
    return orientation if orientation and orientation <= 8 else UPRIGHT


def _chunk(chunks: Iterator[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((content for each, content in chunks if each == name), b"")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """ISO/IEC 14496-12."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        begin = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        end = at + length if length else len(data)
        if end < begin:
            raise IndexError
        yield name, data[begin:end]
        at = end


def _orientation_of_avif(data: bytes) -> int:
    """ISO/IEC 23008-12: the properties of the primary item. Its EXIF does not count: the rotation is in the properties."""
    meta = dict(_boxes(_chunk(_boxes(data), b"meta")[4:]))
    if not {b"pitm", b"iprp"} <= meta.keys():
        return UPRIGHT
    primary = int.from_bytes(meta[b"pitm"][4 : 6 if meta[b"pitm"][0] == 0 else 8], "big")
    inner = list(_boxes(meta[b"iprp"]))
    properties = list(_boxes(_chunk(iter(inner), b"ipco")))
    orientation = UPRIGHT
    for index in _associated(_chunk(iter(inner), b"ipma"), primary):
        name, content = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
        if name == b"irot":
            orientation = _QUARTER_TURNS[content[0] & 3]
        elif name == b"imir":
            orientation = _MIRRORED[orientation][content[0] & 1]
    return orientation


def _associated(ipma: bytes, item: int) -> list[int]:
    """Return the numbers, from 1, of the properties of an item."""
    if not ipma:
        return []
    version, wide = ipma[0], ipma[3] & 1
    (entries,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(entries):
        size = 2 if version < 1 else 4
        number, count = int.from_bytes(ipma[at : at + size], "big"), ipma[at + size]
        at += size + 1
        step = 2 if wide else 1
        if number == item:
            values = [int.from_bytes(ipma[at + step * n : at + step * (n + 1)], "big") for n in range(count)]
            return [value & (0x7FFF if wide else 0x7F) for value in values]
        at += step * count
    return []
