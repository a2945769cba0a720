"""The images from which int8 ranges are chosen."""

import random
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecls.convert.data.samples import Sample
from edgecls.preprocess import Preprocessing, load_pixels

IMAGES = 200


def choose(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
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
    samples: Sequence[Sample], spec: Preprocessing, seed: int, count: int = IMAGES
) -> list[NDArray[np.uint8]]:
    """Of training samples: uint8 (height, width, channels) each, as the device will feed them."""
    return [load_pixels(sample.read(), spec) for sample in choose(samples, count, seed)]
