"""The images from which int8 ranges are chosen."""

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecls.images.preprocess import Preprocessing
from edgecls.training.data.losses import Losses, load_or_substitute
from edgecls.training.data.samples import Sample

IMAGES = 200


def balanced_subset(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """About `count` of them, one or more, from each class as many as from any other while it has them; shuffled."""
    classes: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        classes[sample.label].append(sample)
    rng = random.Random(seed)
    for members in classes.values():
        rng.shuffle(members)
    chosen: list[Sample] = []
    while len(chosen) < min(count, len(samples)):
        chosen += [members.pop() for members in classes.values() if members]
    del chosen[count:]
    rng.shuffle(chosen)
    return chosen


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
