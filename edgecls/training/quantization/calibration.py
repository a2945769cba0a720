"""The images from which int8 ranges are chosen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import Preprocessing
from edgecls.training.data.balance import balanced_subset
from edgecls.training.data.losses import Losses, load_or_substitute
from edgecls.training.data.samples import Sample

IMAGES = 200


def calibration_images(
    samples: Sequence[Sample], spec: Preprocessing, seed: int, count: int = IMAGES, losses: Losses | None = None
) -> list[NDArray[np.uint8]]:
    """Of training samples: uint8 (height, width, channels) each, as the device will feed them.

    An image that cannot be read any more goes into `losses`, and another of its label takes its place.
    """
    lost = Losses() if losses is None else losses
    places = {sample.path: number for number, sample in enumerate(samples)}
    return [
        load_or_substitute(samples, places[each.path], spec, lost) for each in balanced_subset(samples, count, seed)
    ]
