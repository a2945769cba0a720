"""The region of interest of a picture."""

import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.source_settings import ViewSettings


def view(pixels: NDArray[np.uint8], settings: ViewSettings) -> NDArray[np.uint8]:
    """Rotate a picture upright and crop it to the region of interest.

    `pixels` and the result are uint8 (height, width, 3); the result is contiguous. The region is a share of the
    upright picture, rounded to whole pixels, at least one. Only the region is copied.
    """
    upright = np.rot90(pixels, -settings.rotation // 90)  # rot90 turns counter-clockwise
    region = settings.region
    rows = _pixel_range(region.y, region.height, upright.shape[0])
    columns = _pixel_range(region.x, region.width, upright.shape[1])
    return np.ascontiguousarray(upright[rows, columns])


def _pixel_range(start: float, share: float, pixels: int) -> slice:
    first = min(round(start * pixels), pixels - 1)
    return slice(first, min(max(first + 1, round((start + share) * pixels)), pixels))
