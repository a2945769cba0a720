"""Choose the augmentation that a data set allows, by heads that classify transformed training images.

Mirroring a photograph of a bird shows a bird; mirroring a digit shows no digit. Each transformation is applied to images
that a head has not been trained on. If their loss hardly rises, the transformation keeps the class.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgecls.training.features import Transform

Features = NDArray[np.float32]
Numbers = NDArray[np.intp]
Predict = Callable[[Features], NDArray[np.float32]]
"""features (n, features) -> probabilities (n, classes)"""

MAX_IMAGES = 1000
"""With this many images a loss that rises by a tenth is significant."""
FOLDS = 3
MAX_RISE = 0.1
"""The share by which the loss may rise under a transformation that is accepted. Measured, including the standard errors: with
500 images or more the loss rises by 6 % at most under transformations that keep the class (photographs mirrored, solar cells
mirrored and upside down), and by 16 % or more under others (digits mirrored 16 to 18 %, cells turned, for their bars run one
way, photographs and digits upside down 50 % or more). With 100 images or fewer, heads are seldom certain: 15 to 31 % for
photographs upside down, -3 to 13 % for cells. There it is better to reject: training on photographs upside down cost 0.84
to 0.68 of accuracy with ten images per class, far more than augmentation gains."""
Z = 1.64
"""The rise is bounded by its mean plus this many standard errors (95 % of a normal distribution)."""
MIN_LOSS = 0.2
"""A smaller loss counts as this one: any rise from nearly 0 would be large."""

TRANSFORMS: tuple[tuple[str, Transform], ...] = (
    ("photo", np.fliplr),
    ("aligned", np.flipud),
    ("inspection", np.rot90),
)
"""Each preset includes the transformations of those before it."""


def choose_preset(
    features: Features,
    classes: Numbers,
    fit: Callable[[Numbers], Predict],
    transformed_features: Callable[[Numbers, Transform], Features],
    seed: int,
) -> str:
    """Return the name of the preset with the most transformations under which the images keep their class.

    Heads are compared by their log loss per image; accuracy would need ten times as many images.

    Args:
        features: The features of the training images, (n, features).
        classes: Their classes, (n,).
        fit: Trains a head on the images with the given numbers.
        transformed_features: Returns the features of the images with the given numbers after a transformation.
        seed: Decides which images are used.
    """
    chosen = np.random.default_rng(seed).permutation(len(classes))[:MAX_IMAGES]
    chosen = chosen[np.argsort(classes[chosen], kind="stable")]  # each fold gets its share of each class
    fold = np.arange(len(chosen)) % FOLDS
    heads = [fit(chosen[fold != number]) for number in range(FOLDS)]

    def losses(shown: Features) -> NDArray[np.float64]:
        probability = np.empty(len(chosen))
        for number, head in enumerate(heads):
            (unseen,) = np.nonzero(fold == number)
            probability[unseen] = head(shown[unseen])[np.arange(len(unseen)), classes[chosen[unseen]]]
        return -np.log(np.maximum(probability, 1e-7))

    unchanged = losses(features[chosen])
    preset = "digits"
    for name, transform in TRANSFORMS:
        rises = losses(transformed_features(chosen, transform)) - unchanged
        if rises.mean() + Z * rises.std() / len(rises) ** 0.5 > MAX_RISE * max(unchanged.mean(), MIN_LOSS):
            break
        preset = name
    return preset
