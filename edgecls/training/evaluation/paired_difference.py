"""Interval of the difference of two accuracies on the same images."""

import math
from collections.abc import Callable
from statistics import NormalDist

_HALVINGS = 50
"""Bisections of the range from -1 to 1: down to 1e-15."""


def score_statistic(lost: int, gained: int, n: int, difference: float) -> float:
    """Return by how many standard deviations `lost - gained` exceeds what a true `difference` makes expect.

    Of `n` images the first model alone is right on `lost`, the second alone on `gained`; `difference` is the first
    accuracy minus the second, -1 to 1. The score statistic of Tango (Statistics in Medicine 17, 1998), with the share of
    images that only the second has right estimated under the hypothesis. For a difference of 0 it is McNemar's; for any
    other it asks the same of the same discordant images.
    """
    b = (2 * n - lost + gained) * difference - lost - gained
    c = -gained * difference * (1 - difference)
    only_second = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * only_second + difference * (1 - difference))
    excess = lost - gained - n * difference
    if variance > 0:
        return excess / math.sqrt(variance)
    return math.copysign(math.inf, excess) if excess else 0.0


def paired_interval(lost: int, gained: int, n: int, level: float) -> tuple[float, float]:
    """Return the score interval of the difference of two accuracies that covers the true one with probability `level`.

    Of those for paired shares it holds its level best with few images (Fagerland, Lydersen and Laake, Statistics in
    Medicine 33, 2014). Arguments as of `score_statistic`.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)

    def exceeds(bound: float) -> Callable[[float], bool]:
        return lambda difference: score_statistic(lost, gained, n, difference) > bound

    return _last(exceeds(z)), _last(exceeds(-z))


def _last(holds: Callable[[float], bool]) -> float:
    """Return up to where, from -1 to 1, `holds` is true: the statistic falls as the difference rises."""
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high
