"""McNemar's test: is one of two models better on the same images?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from edgecls.training.evaluation.predictions import Predictions


@dataclass(frozen=True, slots=True)
class McNemar:
    """Numbers of images that each model classifies correctly, and McNemar's test of those that only one does.

    `p_value`: the probability of a split at least as uneven if the models were equally good.
    """

    both_right: int
    only_first: int
    only_second: int
    neither: int
    p_value: float

    def as_dict(self) -> dict[str, Any]:
        """Return what `edgecls evaluate --format json` prints."""
        return asdict(self)


def mcnemar(first: Predictions, second: Predictions) -> McNemar:
    """Run the exact test of McNemar (1947): two-sided binomial over the images that only one model has right.

    The two may have different labels. Raises ValueError unless the images are the same.
    """
    if first.samples != second.samples:
        raise ValueError("the two predictions are of different images")
    a, b = first.right, second.right
    only_first, only_second = int(np.sum(a & ~b)), int(np.sum(~a & b))
    discordant = only_first + only_second
    # The approximation by chi-squared is for computing by hand: the exact test costs nothing here.
    p_value = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(int(np.sum(a & b)), only_first, only_second, int(np.sum(~a & ~b)), p_value)


def agreement(first: Predictions, second: Predictions) -> float:
    """Return the share of images with the same answer, right or wrong."""
    return float(np.mean([a == b for a, b in zip(first.answers, second.answers, strict=True)]))
