"""Pixels of images that are whole: what the decoders only remark on becomes an error.

libjpeg goes on where a JPEG is damaged in the middle: it paints what is missing grey, or shifts what follows, and says
so on stderr. A model's answer to that would look like any other.
"""

import re
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.image_header import MAX_PIXELS
from edgecls.native_output import overheard, remarks
from edgecls.preprocess import COVER, Preprocessing, decode, load_pixels

_DECODERS_REMARK = re.compile(
    rb"Corrupt JPEG|Premature end of JPEG|Invalid SOS|Inconsistent progression|Unknown Adobe|Warning: unknown JFIF|libpng "
)
"""How the lines begin that libjpeg and libpng print past any log level."""
_DAMAGE = re.compile(
    r"premature end|bad Huffman code|instead of RST|extraneous bytes before marker 0x(?!d9)", re.IGNORECASE
)
"""Of these, what is said where pixels are made up. Not that there are bytes too many at the end: some cameras pad."""


def decode_whole(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Encoded image -> uint8 (height, width, 3), RGB, in full size. Raises BadImage as `load_whole` does."""
    image, _ = _whole(lambda: decode(data, max_pixels))
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def load_whole(
    data: bytes, spec: Preprocessing, max_pixels: int = MAX_PIXELS, *, cover: float = COVER
) -> tuple[NDArray[np.uint8], list[str]]:
    """(pixels as `load_pixels` gives them, what the decoder remarked although the picture is whole).

    Raises BadImage as `load_pixels` does, and where part of the picture is missing. In many threads at once: what is
    heard then may be about another's image, so that whoever may be meant decodes once more, alone. A remark that no
    damage is behind is not worth that: it is passed to all that heard it.
    """
    return _whole(lambda: load_pixels(data, spec, max_pixels, cover=cover))


def _whole(decoded: Callable[[], NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], list[str]]:
    with overheard(_DECODERS_REMARK) as heard:
        pixels = decoded()
    made = heard.lines
    if not heard.alone and any(map(_DAMAGE.search, made)):
        with remarks(_DECODERS_REMARK) as made:
            pixels = decoded()
    if damage := next(filter(_DAMAGE.search, made), None):
        raise BadImage(f"is damaged: part of the picture is missing ({damage}): save it anew")
    return pixels, made
