"""Decode JPEGs and refuse damaged ones.

libjpeg goes on where a JPEG is damaged: it fills what is missing with grey, or shifts what follows, and only warns. The
label of such a picture would look like any other. simplejpeg reports the first warning of each picture.
"""

import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.images.file_kinds import describe_undecodable
from edgecls.images.jpeg_segments import pad_before_marker, without_oddities
from edgecls.images.native_output import hide_decoder_messages

try:
    import simplejpeg
except ImportError:  # no wheel for 32-bit ARM: OpenCV decodes the same pixels, but does not report damage
    simplejpeg = None

_WARNING = re.compile(
    r"Corrupt JPEG|Premature end of JPEG|Invalid SOS|Inconsistent progression|Unknown Adobe|Warning: |Application transf"
)
"""The beginnings of libjpeg's warnings; anything else is an error."""
_PADDED_END = re.compile(r"Corrupt JPEG data: \d+ extraneous bytes before marker 0xd9")
"""Bytes after the last pixel. Some cameras pad their files; libjpeg has read every pixel by then."""
_EXTRANEOUS = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_ATTEMPTS = 10
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def decode_jpeg(data: bytes, size: tuple[int, int], scale: int) -> tuple[NDArray[np.uint8], list[str]]:
    """Decode a JPEG of this (width, height) at 1/`scale` of its size (1, 2, 4 or 8), without turning it.

    Returns (uint8 (height / scale, width / scale, 3) in the order BGR, harmless warnings of libjpeg). Raises BadImage if
    it cannot be decoded or part of the picture is missing.
    """
    if simplejpeg is None:
        return _decode_with_opencv(data, scale), []
    least = {} if scale == 1 else {"min_width": -(-size[0] // scale), "min_height": -(-size[1] // scale)}
    warnings: list[str] = []
    for _ in range(_ATTEMPTS):
        try:
            return _decode_with_simplejpeg(data, strict=True, **least), warnings
        except ValueError as error:
            warnings.append(str(error))
        if not _WARNING.match(warnings[-1]):
            raise BadImage(describe_undecodable(data))
        if _PADDED_END.match(warnings[-1]):
            return _decode_with_simplejpeg(data, strict=False, **least), warnings
        repaired = _repair(data, warnings)
        if repaired is None:
            break
        data = repaired
    raise BadImage(f"is damaged: part of the picture is missing ({warnings[-1]}): replace the file")


def _decode_with_simplejpeg(data: bytes, **options: Any) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "BGR", **options)
    return pixels


def _decode_with_opencv(data: bytes, scale: int) -> NDArray[np.uint8]:
    flags = _REDUCED[scale] | cv2.IMREAD_IGNORE_ORIENTATION
    with hide_decoder_messages():
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error as error:
            raise BadImage(f"cannot be decoded: {error.err or 'OpenCV refuses it'}") from error
    if pixels is None:
        raise BadImage(describe_undecodable(data))
    return pixels  # type: ignore[return-value]  # OpenCV's stubs say "some array"


def _repair(data: bytes, warnings: list[str]) -> bytes | None:
    """Return the same picture without what the last warning may be about; None if that is damage.

    libjpeg reports its first warning only, which may hide one about damage. So the first time, all that harmless
    warnings are about is left out; later only padding can remain.
    """
    if len(warnings) == 1:
        return without_oddities(data)
    extraneous = _EXTRANEOUS.match(warnings[-1])
    return pad_before_marker(data, int(extraneous[1]), int(extraneous[2], 16)) if extraneous else None
