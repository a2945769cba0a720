"""Recognise the format of an encoded image by its first bytes."""

import re
from typing import Literal

Format = Literal["JPEG", "PNG", "GIF", "BMP", "WebP", "TIFF", "Netpbm", "HEIF"]

_SIGNATURES: dict[Format, re.Pattern[bytes]] = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "BMP": re.compile(rb"BM"),
    "WebP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "Netpbm": re.compile(rb"P[1-6]\s"),
    "HEIF": re.compile(rb"....ftyp", re.DOTALL),
}
"""Netpbm is PBM, PGM and PPM; HEIF includes AVIF."""


def image_format(data: bytes) -> Format | None:
    """Return the format that the first 12 bytes of `data` announce; None if it is none that edgecls reads."""
    return next((name for name, signature in _SIGNATURES.items() if signature.match(data)), None)


def is_jpeg(data: bytes) -> bool:
    """Return whether `data` starts with the signature of a JPEG."""
    return data.startswith(b"\xff\xd8\xff")


_BEGINNINGS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"RIFF", b"II*\0", b"MM\0*"),
    *(b"P%d\n" % number for number in range(1, 7)),
)
_HEIF_BEGINNING = re.compile(rb"\0\0?\0?|\0\0\0.f?t?y?p?.{,4}", re.DOTALL)
"""A length of 4 bytes, then `ftyp`."""


def may_become_image(data: bytes) -> bool:
    """Return whether fewer than 12 bytes are the beginning of an image file."""
    return any(each.startswith(data[: len(each)]) for each in _BEGINNINGS) or bool(_HEIF_BEGINNING.fullmatch(data))
