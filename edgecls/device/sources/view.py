"""What of a picture is looked at: turned upright, then cut to the region of interest."""

import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.settings import ViewSettings


def view(pixels: NDArray[np.uint8], settings: ViewSettings) -> NDArray[np.uint8]:
    """Uint8 (height, width, 3) -> the region of the picture turned clockwise by `rotation`, contiguous.

    The region is that of the upright picture, rounded to whole pixels, at least one. Only what is kept is copied.
    """
    upright = np.rot90(pixels, -settings.rotation // 90)  # its turns are counter-clockwise
    region = settings.region
    rows = _span(region.y, region.height, upright.shape[0])
    columns = _span(region.x, region.width, upright.shape[1])
    return np.ascontiguousarray(upright[rows, columns])


def _span(start: float, share: float, pixels: int) -> slice:
    first = min(round(start * pixels), pixels - 1)
    return slice(first, min(max(first + 1, round((start + share) * pixels)), pixels))
