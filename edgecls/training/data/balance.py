"""How many images each class has, and what to do where they are unequal."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence

from edgecls.training.data.problems import Problem
from edgecls.training.data.samples import Sample

MOST_UNEQUAL = 10.0
"""No class weighs more than this many times another: a batch with one image of 500 times the weight is all noise."""
IMBALANCE = 3.0
"""Largest class over smallest, from which on it is told."""
FEW_IMAGES = 10


def class_weights(counts: Mapping[str, int]) -> dict[str, float]:
    """Label -> images, one or more -> label -> weight of each of its images in training; over all images the mean is 1.

    In proportion to 1 / sqrt(count): half-way, on a scale of factors, between images that count the same and classes
    that do (Mahajan et al., "Exploring the Limits of Weakly Supervised Pretraining", 2018). Weights above 10 times the
    smallest are cut to that.
    """
    images = sum(counts.values())
    weights = {label: count**-0.5 for label, count in counts.items()}
    most = MOST_UNEQUAL * min(weights.values(), default=0.0)
    weights = {label: min(weight, most) for label, weight in weights.items()}
    mean = sum(weights[label] * count for label, count in counts.items()) / max(images, 1)
    return {label: weight / mean for label, weight in weights.items()}


def imbalance(counts: Mapping[str, int]) -> list[Problem]:
    """One problem where the largest class has 3 times the images of the smallest; of training images, one or more."""
    largest, smallest = max(counts, key=lambda x: counts[x]), min(counts, key=lambda x: counts[x])
    if counts[largest] < IMBALANCE * counts[smallest]:
        return []
    weights = class_weights(counts)
    message = (
        f"the classes are unequal: {largest!r} has {counts[largest]} images to train on, {smallest!r} "
        f"{counts[smallest]}: weights ({weights[largest]:.2g} and {weights[smallest]:.2g}) help, more images help more"
    )
    return [Problem("imbalance", message)]


def few_images(counts: Mapping[str, int]) -> list[Problem]:
    """A problem for each class with fewer than 10 images in all."""
    return [
        Problem(
            "few images",
            f"class {label!r} has {count} image{'s' * (count != 1)} in all: its figures mean little: add some",
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
