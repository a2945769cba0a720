"""Which views a data set bears: its own images decide, each shown to a head that has not learnt from it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgecls.training.fitting.features import View

Features = NDArray[np.float32]
Numbers = NDArray[np.intp]
Judge = Callable[[Features], NDArray[np.float32]]
"""features (n, features) -> probabilities (n, classes)"""

TRIED = 1000
"""Images, at most: of so many, a rise of the loss by a tenth is no accident."""
FOLDS = 3
HARMLESS = 0.1
"""By this share the loss may rise for a view that the data may hold. Measured, with the standard errors: of 500 images and
more, by 6 % at most for views that are as good as the image (photographs in the mirror, solar cells mirrored and upside
down), by 16 % and more for others (digits in the mirror 16 to 18 %, cells turned, for their bars run one way, and
photographs and digits upside down 50 % and more). With 100 images and fewer, heads are seldom sure of anything: by 15 to
31 % for photographs upside down, -3 to 13 % for cells. There it is better to forgo a view: what photographs upside down
cost, 0.84 to 0.68 of the test images right with ten a class, is far more than what views bring."""
SURE = 1.64
"""Standard errors: the rise is taken to be no larger than its mean and so many (of a normal distribution, 95 %)."""
LOW = 0.2
"""A smaller loss counts as this: of next to nothing every rise is large."""

STEPS: tuple[tuple[str, View], ...] = (("photo", np.fliplr), ("aligned", np.flipud), ("inspection", np.rot90))
"""Each preset has the views of those before it."""


def choose_preset(
    features: Features,
    classes: Numbers,
    fit: Callable[[Numbers], Judge],
    look: Callable[[Numbers, View], Features],
    seed: int,
) -> str:
    """The name of the preset with the most views that the heads know as well as the images themselves.

    `features` and `classes` (n,) are those of the training images; `fit` trains a head on the images with these
    numbers, `look` gives the features of a view of them. The heads are compared by their log loss, image by image, and
    not by their accuracy, which takes ten times as many images to tell the same.
    """
    tried = np.random.default_rng(seed).permutation(len(classes))[:TRIED]
    tried = tried[np.argsort(classes[tried], kind="stable")]  # so that each fold has its share of each class
    fold = np.arange(len(tried)) % FOLDS
    heads = [fit(tried[fold != number]) for number in range(FOLDS)]

    def losses(shown: Features) -> NDArray[np.float64]:
        right = np.empty(len(tried))
        for number, head in enumerate(heads):
            (held_out,) = np.nonzero(fold == number)
            right[held_out] = head(shown[held_out])[np.arange(len(held_out)), classes[tried[held_out]]]
        return -np.log(np.maximum(right, 1e-7))

    plain = losses(features[tried])
    chosen = "digits"
    for preset, view in STEPS:
        rises = losses(look(tried, view)) - plain
        if rises.mean() + SURE * rises.std() / len(rises) ** 0.5 > HARMLESS * max(plain.mean(), LOW):
            break
        chosen = preset
    return chosen
