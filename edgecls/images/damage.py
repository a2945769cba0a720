"""Pixels for a model, with what the decoder remarked on the file."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.image_header import MAX_PIXELS
from edgecls.images.preprocess import COVER, Preprocessing, decode, load_pixels


def decode_whole(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Encoded image -> uint8 (height, width, 3), RGB, in full size. Raises BadImage as `load_whole` does."""
    return cv2.cvtColor(decode(data, max_pixels), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def load_whole(
    data: bytes, spec: Preprocessing, max_pixels: int = MAX_PIXELS, *, cover: float = COVER
) -> tuple[NDArray[np.uint8], list[str]]:
    """Return (pixels as `load_pixels` gives them, what the decoder remarked although the picture is whole).

    Raises BadImage as `load_pixels` does.
    """
    remarks: list[str] = []
    return load_pixels(data, spec, max_pixels, cover=cover, remarks=remarks), remarks
