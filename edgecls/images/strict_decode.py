"""Decode with a native decoder, and refuse pictures of which a part is missing.

libjpeg goes on where a JPEG is damaged: it paints what is missing grey, or shifts what follows, and writes a line to
stderr. A model's answer to such a picture would look like any other. The lines are caught here, for every command, so
that none of them reaches the terminal without a file name.
"""

import re
from collections.abc import Callable
from typing import TypeVar

from edgecls.errors import BadImage
from edgecls.images.image_header import is_jpeg
from edgecls.images.jpeg_repair import pad_before_marker, without_oddities
from edgecls.images.native_output import overheard, remarks

T = TypeVar("T")

_DECODER_LINE = re.compile(
    rb"Corrupt JPEG|Premature end of JPEG|Invalid SOS|Inconsistent progression|Unknown Adobe|Warning: unknown JFIF"
    rb"|libpng |imdecode_\(|OpenCV TIFF|TIFF\w*: |> |\r?\n"
)
"""How the lines begin that libjpeg, libpng and libtiff write past any log level; OpenCV up to 4.8 adds lines of its own."""
_PADDED_END = re.compile(r"Corrupt JPEG data: \d+ extraneous bytes before marker 0xd9")
"""Bytes after the last pixel. Some cameras pad their files; nothing can follow that this line would hide."""
_EXTRANEOUS = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_PAD_ATTEMPTS = 8


def decode_strict(data: bytes, decode: Callable[[bytes], T]) -> tuple[T, list[str]]:
    """Return (`decode(data)`, the harmless remarks of the decoder).

    Raises BadImage where part of a JPEG is missing, and what `decode` raises. Works in many threads at once: a line may
    then be about the image of another thread, so a thread that may be concerned decodes once more, alone.
    """
    with overheard(_DECODER_LINE) as heard:
        image = decode(data)
    lines = heard.lines
    if not is_jpeg(data):
        return image, lines if heard.alone else []
    if not heard.alone and not _only_padding(lines):
        with remarks(_DECODER_LINE) as lines:
            image = decode(data)
    if not _only_padding(lines) and (damage := _find_damage(data, decode, lines)):
        raise BadImage(f"is damaged: part of the picture is missing ({damage}): replace the file")
    return image, [line for line in lines if line]


def _only_padding(lines: list[str]) -> bool:
    return all(_PADDED_END.match(line) or not line for line in lines)


def _find_damage(data: bytes, decode: Callable[[bytes], T], lines: list[str]) -> str | None:
    """Return the line that tells of lost pixels; None if there is none.

    libjpeg writes its first warning only. One about a header, of which no pixel depends, may hide one about damage. So
    the picture is decoded without what such warnings are about.
    """
    data = without_oddities(data)
    for _ in range(_PAD_ATTEMPTS):
        with remarks(_DECODER_LINE) as remaining:
            try:
                decode(data)
            except BadImage:
                return lines[0]
        if _only_padding(remaining):
            return None
        lines = [line for line in remaining if line]
        extraneous = _EXTRANEOUS.match(lines[0])
        padded = extraneous and pad_before_marker(data, int(extraneous[1]), int(extraneous[2], 16))
        if not padded:
            break
        data = padded
    return lines[0]
