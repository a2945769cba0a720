"""The curves of the report, as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve

from edgecls.training.evaluation.predictions import Predictions

BINS = 15
"""Bins of the reliability curve and the calibration error, as in Guo et al. 2017."""


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """One label against all others: `precision[i]` and `recall[i]` of those that score `threshold[i]` or more.

    All float64 (m,), thresholds ascending. `average_precision` is the area under the curve in steps, 0 to 1.
    """

    label: str
    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """Accuracy against best score, in bins of equal width.

    `edges` float64 (bins + 1,) from 0 to 1; bin i holds the scores above edges[i] up to edges[i + 1]. `count` int
    (bins,); `score` (mean) and `accuracy` float64 (bins,), NaN where the bin is empty.
    """

    edges: NDArray[np.float64]
    score: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.intp]

    @property
    def error(self) -> float:
        """Return the expected calibration error: |accuracy - score|, weighted by the count of the bin, 0 to 1."""
        gaps = np.abs(self.accuracy - self.score)
        return float(np.nansum(gaps * self.count) / self.count.sum())


@dataclass(frozen=True, eq=False)
class CoverageCurve:
    """Coverage and accuracy with one threshold for all labels.

    A share `coverage[i]` of the images scores `threshold[i]` or more, and a share `accuracy[i]` of these is correct.
    All float64 (m,), one for each score that occurs, thresholds descending.
    """

    threshold: NDArray[np.float64]
    coverage: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def precision_recall_curves(predictions: Predictions) -> list[PrecisionRecall]:
    """Return a curve for each label that occurs as true label, in the order of the outputs."""
    return [
        _one_against_the_rest(predictions, index, label)
        for index, label in enumerate(predictions.labels)
        if np.any(predictions.truth == index)
    ]


def _one_against_the_rest(predictions: Predictions, index: int, label: str) -> PrecisionRecall:
    positive, scores = predictions.truth == index, predictions.scores[:, index].astype(np.float64)
    precision, recall, thresholds = precision_recall_curve(positive, scores)
    area = float(average_precision_score(positive, scores))
    return PrecisionRecall(label, thresholds, precision[:-1], recall[:-1], area)  # the last point has no threshold


def reliability_curve(predictions: Predictions, bins: int = BINS) -> Reliability:
    """Return the reliability of the best scores."""
    return reliability_bins(predictions.top, predictions.right, bins)


def reliability_bins(top: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Return the reliability of best scores (n,), 0 to 1; `right` is bool (n,); n is 1 or more."""
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.clip(np.searchsorted(edges, top, side="left") - 1, 0, bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    score, accuracy = (
        np.divide(np.bincount(bin_of, values, bins), count, out=np.full(bins, np.nan), where=count > 0)
        for values in (np.asarray(top, np.float64), np.asarray(right, np.float64))
    )
    return Reliability(edges, score, accuracy, count)


def coverage_curve(predictions: Predictions) -> CoverageCurve:
    """Return the accuracy against the share of images that is answered, for every threshold."""
    order = np.argsort(-predictions.top, kind="stable")
    top, right = predictions.top[order], predictions.right[order]
    last = np.append(np.flatnonzero(np.diff(top)), len(top) - 1)  # equal scores are answered together
    answered = last + 1
    return CoverageCurve(top[last], answered / len(top), np.cumsum(right)[last] / answered)
