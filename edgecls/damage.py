"""Pixels for a model, with what the decoder remarked on the file."""

import numpy as np
from numpy.typing import NDArray

from edgecls.image_header import MAX_PIXELS
from edgecls.preprocess import COVER, Preprocessing, load_pixels


def load_whole(
    data: bytes, spec: Preprocessing, max_pixels: int = MAX_PIXELS, *, cover: float = COVER
) -> tuple[NDArray[np.uint8], list[str]]:
    """Return (pixels as `load_pixels` gives them, what the decoder remarked although the picture is whole).

    Raises BadImage as `load_pixels` does.
    """
    remarks: list[str] = []
    return load_pixels(data, spec, max_pixels, cover=cover, remarks=remarks), remarks
