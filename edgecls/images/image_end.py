"""Tell from the structure of an encoded image whether its end is still missing.

An upload that has broken off leaves a file whose beginning is right. Most formats say how long they are, or how they
end, so that such a file can be told from one that is damaged; nothing is decoded here.
"""

import re
import struct
from collections.abc import Callable

_SIGNATURES = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"RIFF", b"II*\0", b"MM\0*"),
    *(b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n"),
)
_PADDING = 4096
"""Bytes at the end in which zeros are passed over: uploads are padded to whole blocks."""


def end_is_missing(data: bytes) -> bool:
    """Return whether `data` is the beginning of an image, and no more of it.

    Files without content count: empty ones, and those that are all zeros, as a transfer that allocates first leaves
    them. Kinds whose end shows: JPEG, PNG, GIF, BMP, WebP, TIFF, PBM/PGM/PPM, AVIF and HEIF. False for what is no image,
    and for an image that is damaged elsewhere.
    """
    if not data.strip(b"\0"):
        return True
    if len(data) < 12 and (
        _BOX_TYPE.fullmatch(data) or any(each.startswith(data[: len(each)]) for each in _SIGNATURES)
    ):
        return True
    for signature, breaks_off in _KINDS:
        if signature.match(data):
            try:
                return breaks_off(data)
            except (struct.error, IndexError):  # a field lies beyond the end
                return True
    return False


_BOX_TYPE = re.compile(rb"\0\0?\0?|\0\0\0.f?t?y?p?.{,4}", re.DOTALL)
"""What the first bytes of an AVIF or HEIF may be: a length, and its type `ftyp`."""

_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_SOI, _EOI = 0xD8, 0xD9


def _jpeg(data: bytes) -> bool:
    """ITU-T T.81, annex B: segments by their lengths, entropy-coded data up to the next marker, until EOI."""
    if data[-_PADDING:].rstrip(b"\0").endswith(b"\xff\xd9"):
        return False
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        code, at = marker[0][1], marker.end()
        if code == _EOI:
            return False
        if code != _SOI:
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


_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_PLACES, _LENGTHS = (273, 324), (279, 325)
"""Tags: where the strips, or the tiles, of a picture begin, and how many bytes they have."""


def _tiff(data: bytes) -> bool:
    """TIFF 6.0: the fields of the first picture, and its strips or tiles, by their places and lengths."""
    order = "<" if data[:1] == b"I" else ">"
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    fields: dict[int, tuple[int, ...]] = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, entry)
        at, size = entry + 8, _TYPE_SIZES.get(kind, 0) * length
        if size > 4:
            (at,) = struct.unpack_from(f"{order}I", data, at)
        if at + size > len(data):
            return True
        if tag in _PLACES + _LENGTHS and kind in {3, 4}:
            fields[tag] = struct.unpack_from(f"{order}{length}{'H' if kind == 3 else 'I'}", data, at)
    return any(
        place + length > len(data)
        for of_places, of_lengths in zip(_PLACES, _LENGTHS, strict=True)
        for place, length in zip(fields.get(of_places, ()), fields.get(of_lengths, ()), strict=False)
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


_KINDS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], bool]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"II\*\0|MM\0\*"), _tiff),
    (re.compile(rb"P[1-6]\s"), _pnm),
    (re.compile(rb"....ftyp", re.DOTALL), _boxes),
)
"""How a file of a kind begins, and what tells whether it breaks off."""
