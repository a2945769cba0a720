"""Find out from the structure of an encoded image whether its end is still missing.

An upload that broke off leaves a file whose beginning is right. Most formats state their length or end with a marker, so
such a file can be distinguished from a damaged one. Nothing is decoded here.
"""

import re
import struct
from collections.abc import Callable

from edgecls.images.image_format import Format, image_format, may_become_image
from edgecls.images.jpeg_segments import EOI, MARKER, SOI
from edgecls.images.tiff import STRIP_BYTES, STRIP_OFFSETS, TILE_BYTES, TILE_OFFSETS, TiffDirectory

_PADDING = 4096
"""Bytes at the end in which zeros are ignored: uploads are padded to whole blocks."""


def end_is_missing(data: bytes) -> bool:
    """Return whether `data` is only the beginning of an image.

    Files without content count: empty ones, and files of zeros, which a transfer leaves that allocates first. Formats:
    JPEG, PNG, GIF, BMP, WebP, TIFF, PBM/PGM/PPM, AVIF and HEIF. False for other files, and for an image that is damaged
    elsewhere.
    """
    if not data.strip(b"\0"):
        return True
    if len(data) < 12 and may_become_image(data):
        return True
    kind = image_format(data)
    if kind is None:
        return False
    try:
        return _BREAKS_OFF[kind](data)
    except (struct.error, IndexError):  # a field lies beyond the end
        return True


def _jpeg(data: bytes) -> bool:
    """ITU-T T.81, annex B: segments by their lengths, entropy-coded data up to the next marker, until EOI."""
    if data[-_PADDING:].rstrip(b"\0").endswith(b"\xff\xd9"):
        return False
    at = 2
    while marker := MARKER.search(data, at):
        code, at = marker[0][1], marker.end()
        if code == EOI:
            return False
        if code != SOI:
            at += struct.unpack_from(">H", data, at)[0]
    return True


def _png(data: bytes) -> bool:
    """ISO/IEC 15948: chunks of a length, a type, data and a CRC, until IEND."""
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha():
            return False  # damaged: whatever follows is no chunk
        at += 12 + length
    return at + 12 > len(data)


def _gif(data: bytes) -> bool:
    """GIF89a: blocks that are chains of sub-blocks, until the trailer."""
    extension, descriptor, trailer = 0x21, 0x2C, 0x3B
    at = 13 + _colours(data[10])
    while data[at] != trailer:
        if data[at] == extension:
            at += 2
        elif data[at] == descriptor:
            at += 11 + _colours(data[at + 9])
        else:
            return False  # damaged: no block begins so
        while data[at]:
            at += 1 + data[at]
        at += 1
    return False


def _colours(flags: int) -> int:
    """Return the bytes of the colour table that `flags` announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _bmp(data: bytes) -> bool:
    """Uncompressed pixels by their number; else by the size of the file that the header states."""
    size, offset, header = struct.unpack_from("<I4xII", data, 2)
    if header < 40:
        return bool(size > len(data))
    width, height, bits, compression = struct.unpack_from("<ii2xHI", data, 18)
    if compression:
        return bool(size > len(data))
    row = (abs(width) * bits + 31) // 32 * 4
    return bool(offset + row * abs(height) > len(data))


def _webp(data: bytes) -> bool:
    return bool(8 + struct.unpack_from("<I", data, 4)[0] > len(data))


def _tiff(data: bytes) -> bool:
    """TIFF 6.0: the fields of the first image, and its strips or tiles, by their offsets and lengths."""
    directory = TiffDirectory(data)
    return directory.is_cut_off or any(
        offset + length > len(data)
        for offsets, lengths in ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES))
        for offset, length in zip(directory.values(offsets), directory.values(lengths), strict=False)
    )


_PNM_NUMBER = rb"(?:\s|#[^\n]*\n)+(\d{1,9})"
_PNM = re.compile(rb"P([1-6])" + _PNM_NUMBER * 2)
_PNM_BEGINNING = re.compile(rb"P[1-6](?:[\s\d]|#[^\n]{,1000}(?:\n|\Z))*")
_PNM_MAXIMUM = re.compile(_PNM_NUMBER + rb"\s")


def _pnm(data: bytes) -> bool:
    """Netpbm: a header in text, then the samples: bits (P4), bytes or pairs of bytes (P5, P6), or text (P1 to P3)."""
    header = _PNM.match(data)
    if header is None:
        return _PNM_BEGINNING.fullmatch(data) is not None
    kind, width, height = int(header[1]), int(header[2]), int(header[3])
    samples = width * height * (3 if kind in {3, 6} else 1)
    if kind == 1:
        return sum(map(data[header.end() :].count, (b"0", b"1"))) < samples
    if kind == 4:
        return header.end() + 1 + (width + 7) // 8 * height > len(data)
    maximum = _PNM_MAXIMUM.match(data, header.end())
    if maximum is None:
        return _PNM_BEGINNING.fullmatch(data) is not None
    if kind < 4:
        return len(data[maximum.end() :].split()) < samples
    return maximum.end() + samples * (2 if int(maximum[1]) > 255 else 1) > len(data)


def _boxes(data: bytes) -> bool:
    """ISO/IEC 14496-12: boxes of a length and a type, to the end of the file; `meta` describes the pixels in `mdat`."""
    at, kinds = 0, set()
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
        elif length == 0:  # to the end, wherever that is
            return False
        if length < 8:
            return False  # damaged
        kinds.add(kind)
        at += length
    return at > len(data) or not ({b"meta", b"moov"} & kinds and (b"mdat" in kinds or b"idat" in data))


_BREAKS_OFF: dict[Format, Callable[[bytes], bool]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "WebP": _webp,
    "TIFF": _tiff,
    "Netpbm": _pnm,
    "HEIF": _boxes,
}
