"""The number of images per class, and weights that compensate for imbalance."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from edgecls.training.data.problems import Problem
from edgecls.training.data.sample import Sample

MOST_UNEQUAL = 10.0
"""The maximum ratio of two weights: an image with 500 times the weight of others makes a batch mostly noise."""
IMBALANCE = 3.0
"""The ratio of the largest to the smallest class from which a problem is reported."""
FEW_IMAGES = 10


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Return label -> weight of a training image, from label -> number of images (1 or more). The mean over images is 1.

    Weights are proportional to 1 / sqrt(count), a compromise between equal weights of images and of classes (Mahajan et al.,
    "Exploring the Limits of Weakly Supervised Pretraining", 2018), and limited to 10 times the smallest.
    """
    images = sum(counts.values())
    weights = {label: count**-0.5 for label, count in counts.items()}
    most = MOST_UNEQUAL * min(weights.values(), default=0.0)
    weights = {label: min(weight, most) for label, weight in weights.items()}
    mean = sum(weights[label] * count for label, count in counts.items()) / max(images, 1)
    return {label: weight / mean for label, weight in weights.items()}


def imbalance(counts: Mapping[str, int]) -> list[Problem]:
    """Return a problem where the largest class has at least 3 times the training images of the smallest."""
    largest, smallest = max(counts, key=lambda x: counts[x]), min(counts, key=lambda x: counts[x])
    if counts[largest] < IMBALANCE * counts[smallest]:
        return []
    weights = class_weights(counts)
    message = (
        f"the classes are imbalanced: {largest!r} has {counts[largest]} training images, {smallest!r} "
        f"{counts[smallest]}: weights of {weights[largest]:.2g} and {weights[smallest]:.2g} compensate in part, more images "
        "help more"
    )
    return [Problem("imbalance", message)]


def few_images(counts: Mapping[str, int]) -> list[Problem]:
    """Return a problem for each class with fewer than 10 images in all splits."""
    return [
        Problem(
            "few images",
            f"class {label!r} has {count} image{'s' * (count != 1)} in all, too few for reliable figures: add some",
        )
        for label, count in counts.items()
        if count < FEW_IMAGES
    ]


def balanced_subset(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """Return about `count` samples, shuffled, with as many of each class as there are, up to an equal share."""
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
