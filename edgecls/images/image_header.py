"""Read the size of an encoded image from its header, before anything is decoded.

A picture of 65,000 x 65,000 pixels fits into 10 KB, and its decoder would ask for 12 GB before it notices that the rest
is missing.
"""

import re
import struct
from collections.abc import Callable, Iterator

from edgecls.errors import BadImage
from edgecls.images.file_kinds import describe_not_image
from edgecls.images.image_format import Format, image_format
from edgecls.images.jpeg_segments import EOI, MARKER, SOF, SOI, SOS
from edgecls.images.tiff import HEIGHT, TILE_HEIGHT, TILE_WIDTH, WIDTH, TiffDirectory

MAX_PIXELS = 128_000_000
"""Above the 108 megapixels of telephone cameras; decoded, 384 MB."""
MAX_SCANS = 100
"""Scans of a progressive JPEG. Encoders write about 10; each costs a pass over all pixels, and 10 KB hold hundreds."""

Size = tuple[int, int]


def check_header(data: bytes, max_pixels: int = MAX_PIXELS) -> Size:
    """Return the (width, height) in pixels from the header of an image. EXIF may still turn the picture.

    Formats: JPEG, PNG, GIF, BMP, WebP, TIFF, PBM/PGM/PPM, AVIF and HEIF. An image that passes may still not decode.

    Raises:
        BadImage: `data` is empty, of another format, larger than `max_pixels`, or a JPEG or WebP whose end is missing.
    """
    size = image_size(data)
    if size is None:
        raise BadImage(describe_not_image(data))
    width, height = size
    if width * height > max_pixels:
        raise BadImage(f"is {width} x {height} pixels large: the limit (max_pixels) is {max_pixels}")
    return size


def image_size(data: bytes) -> Size | None:
    """Return the (width, height) in pixels that a decoder would allocate; None if the format is unknown.

    Raises BadImage for a JPEG whose end is missing, in which another one begins, or that has more than `MAX_SCANS` scans.
    """
    kind = image_format(data)
    if kind is None:
        return None
    try:
        return _READERS[kind](data)
    except struct.error:  # the header itself is cut off
        return None


def _jpeg(data: bytes) -> Size | None:
    """Read a JPEG from segment to segment until its end (EOI), see ITU-T T.81, annex B.

    What follows the end is ignored: cameras put previews and padding there.
    """
    size: Size | None = None
    scans, at = 0, 2
    while marker := MARKER.search(data, at):
        code, at = marker[0][1], marker.end()
        if code == EOI:
            return size
        if code in SOF:
            if size:
                raise BadImage("is damaged: another picture begins in the middle of it")
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = width, height
        scans += code == SOS
        if scans > MAX_SCANS:
            raise BadImage(f"is a JPEG of more than {MAX_SCANS} scans: save it again")
        if code == SOI and scans:
            raise BadImage("is damaged: another JPEG begins in the middle of it")
        if code != SOI:
            at += 2 if at + 2 > len(data) else struct.unpack_from(">H", data, at)[0]
    raise BadImage("is cut off or damaged: the end of the JPEG is missing")


def _area(size: Size) -> int:
    return size[0] * size[1]


def _png(data: bytes) -> Size:
    return struct.unpack_from(">II", data, 16)  # its first chunk is IHDR


def _gif(data: bytes) -> Size:
    return struct.unpack_from("<HH", data, 6)


def _bmp(data: bytes) -> Size:
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2
        return struct.unpack_from("<HH", data, 18)
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)  # a negative height means: upper row first


MOST_ZEROS = 0.1
"""Share of a WebP's pixel data that may be zeros at its end: 0.053 in a picture of a single colour."""


def _webp(data: bytes) -> Size | None:
    if any(_ends_in_zeros(content) for name, content in riff_chunks(data) if name in {b"VP8 ", b"VP8L"}):
        raise BadImage("is cut off or damaged: the end of the WebP is filled with zeros")
    kind = data[12:16]
    if kind == b"VP8X":  # 24 bits each, less one
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return (high_width << 16 | low_width) + 1, (high_height << 16 | low_height) + 1
    if kind == b"VP8L":  # 14 bits each, less one
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":  # 14 bits each; the upper two are for scaling
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _ends_in_zeros(content: bytes) -> bool:
    """Return whether a file system has lost the end of a file that was not flushed. A decoder would make pixels of it."""
    zeros = len(content) - len(content.rstrip(b"\0"))
    return zeros > max(32, MOST_ZEROS * len(content))


def riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (name, content) of the chunks of a WebP; the last content may be cut off."""
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _tiff(data: bytes) -> Size | None:
    """Return the size of the first image, or of its tiles if those are larger: a decoder allocates whole tiles."""
    directory = TiffDirectory(data)
    width, height = directory.value(WIDTH), directory.value(HEIGHT)
    if width is None or height is None:
        return None
    tile = directory.value(TILE_WIDTH) or 0, directory.value(TILE_HEIGHT) or 0
    return max((width, height), tile, key=_area)


_PNM_NUMBER = rb"(?:\s|#[^\n]*\n)+(\d{1,9})"
_PNM = re.compile(rb"P[1-6]" + _PNM_NUMBER * 2)


def _pnm(data: bytes) -> Size | None:
    header = _PNM.match(data[:10_000])
    return (int(header[1]), int(header[2])) if header else None


_ISPE = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)


def _heif(data: bytes) -> Size | None:
    """Return the largest of the sizes described: of the picture, its tiles, its preview (ISO/IEC 23008-12)."""
    sizes: list[Size] = [struct.unpack(">II", match[1]) for match in _ISPE.finditer(data[:1_000_000])]
    return max(sizes, key=_area, default=None)


_READERS: dict[Format, Callable[[bytes], Size | None]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "WebP": _webp,
    "TIFF": _tiff,
    "Netpbm": _pnm,
    "HEIF": _heif,
}
