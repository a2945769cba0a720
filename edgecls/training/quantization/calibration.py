"""The images from which int8 ranges are derived."""

import numpy as np
from numpy.typing import NDArray

from edgecls.training.data.balance import balanced_subset
from edgecls.training.data.pixel_cache import PixelCache

IMAGES = 200


def calibration_images(pixels: PixelCache, seed: int, count: int = IMAGES) -> list[NDArray[np.uint8]]:
    """Return the pixels of about `count` images, balanced over the classes: uint8 (height, width, channels) each."""
    numbers = {sample.path: number for number, sample in enumerate(pixels.samples)}
    return [pixels.read(numbers[sample.path]) for sample in balanced_subset(pixels.samples, count, seed)]
