"""Metrics of a classifier as pure functions of arrays. Formulas and sources: docs/how-to/evaluate.md."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

RESAMPLES = 2000
"""Resamples of the bootstrap over groups."""

SCORE_FLOOR = 1 / 512
"""Half a step of an int8 score, which a score of 0 may have been. It is the same for all models."""

_TAILS = (0.025, 0.975)


def accuracy_interval(right: NDArray[np.bool_], groups: Sequence[str | None] | None = None) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy by the percentile bootstrap, (low, high) in 0 to 1.

    `right` is bool (n,); `groups` (n,) names those images that are not independent of each other, None where an image
    stands for itself. Resampling n independent images with replacement draws Binomial(n, accuracy) right ones: that
    distribution's quantiles are computed, nothing is drawn. Groups are drawn whole, 2,000 times, with a fixed seed.

    If all images are right, all are wrong, or there is a single group, every resample is equal and the bootstrap would
    claim certainty. Then the exact binomial interval (Clopper and Pearson 1934) of the images or groups is returned.
    """
    correct, sizes = _by_group(right, groups or [None] * len(right))
    n = len(sizes)
    if np.ptp(correct / sizes) == 0:
        return _clopper_pearson(float(correct[0] / sizes[0]), n)
    if n == len(right):
        low, high = binom.ppf(_TAILS, n, correct.mean()) / n
    else:
        low, high = np.quantile(_resampled_accuracies(correct, sizes), _TAILS)
    return float(low), float(high)


def _clopper_pearson(share: float, n: int) -> tuple[float, float]:
    """Return the exact binomial interval for a `share` of n; share * n need not be whole."""
    hits = share * n
    low = float(beta.ppf(_TAILS[0], hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(_TAILS[1], hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def _by_group(right: NDArray[np.bool_], groups: Sequence[str | None]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (number correct, size) of each group, int (groups,)."""
    names = [(group, "") if group is not None else (None, str(i)) for i, group in enumerate(groups)]
    order = {name: index for index, name in enumerate(dict.fromkeys(names))}
    index = np.array([order[name] for name in names])
    correct = np.bincount(index[np.asarray(right, bool)], minlength=len(order))
    return correct, np.bincount(index, minlength=len(order))


def _resampled_accuracies(correct: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the accuracies of resampled groups, float64 (RESAMPLES,).

    Groups that agree in size and right ones are interchangeable, so it is enough to draw how many of each kind.
    """
    kinds, counts = np.unique(np.stack([correct, sizes], axis=1), axis=0, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(len(sizes), counts / len(sizes), RESAMPLES)
    accuracies: NDArray[np.float64] = (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
    return accuracies


def are_probabilities(scores: NDArray[np.floating[Any]]) -> bool:
    """Return whether all scores (n, classes) are in 0 to 1; logits of other models are not.

    Their sums are no test: a thousand scores, each rounded to a step of 1/256, may sum to anything.
    """
    return bool(np.all((scores >= 0) & (scores <= 1)))


def log_loss(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.intp]) -> float | None:
    """Return the mean of -ln p over the images; p is the score of the true class, at least `SCORE_FLOOR`.

    `probabilities` (n, classes); `truth` int (n,), images of -1 are left out; None where none is left.
    """
    known = truth >= 0
    if not known.any():
        return None
    of_truth = probabilities[known, truth[known]].astype(np.float64)
    return float(-np.log(np.maximum(of_truth, SCORE_FLOOR)).mean())


def top_k_accuracy(scores: NDArray[np.floating[Any]], truth: NDArray[np.intp], k: int) -> float:
    """Return the share of images whose true class is among the k best; of equal scores the first ranks higher."""
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((ranked == truth[:, np.newaxis]).any(axis=1).mean())
