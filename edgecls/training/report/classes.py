"""The tables of the report that have a row for each class, limited to the classes that matter most."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.training.evaluation.curves import PrecisionRecall, precision_recall_curves
from edgecls.training.evaluation.evaluate import Evaluation
from edgecls.training.evaluation.predictions import Predictions

ROWS = 50
"""Most classes in a table."""

MATRIX = 20
"""Most classes in a confusion matrix."""

PAIRS = 12
"""Most confusions that are listed."""

CURVES = 8


@dataclass(frozen=True, slots=True)
class Matrix:
    """A part of the confusion matrix: the images of `labels[i]` are `rows[i]`, (count, share of the row) each.

    `others[i]` of them were taken for a class that is not shown; `left_out` classes are not.
    """

    labels: tuple[str, ...]
    rows: tuple[tuple[tuple[int, float], ...], ...]
    others: tuple[int, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Pair:
    """`count` images of `truth` were taken for `answer`: that `share` of its images, 0 to 1."""

    truth: str
    answer: str
    count: int
    share: float


def most_confused(evaluation: Evaluation, count: int) -> list[str]:
    """Return the `count` labels with the most errors, as true or predicted class, in the order of the labels."""
    return [evaluation.labels[i] for i in _most(_mistakes(evaluation), count)]


def confusion(evaluation: Evaluation, count: int = MATRIX) -> Matrix:
    """Return the confusion matrix of the `count` classes with the most errors."""
    counts = np.array(evaluation.confusion_matrix)
    shown = _most(_mistakes(evaluation), count)
    images = counts.sum(axis=1)
    rows = tuple(tuple((int(counts[i, j]), float(counts[i, j] / max(images[i], 1))) for j in shown) for i in shown)
    others = tuple(int(images[i] - counts[i, shown].sum()) for i in shown)
    return Matrix(tuple(evaluation.labels[i] for i in shown), rows, others, len(counts) - len(shown))


def pairs(evaluation: Evaluation, count: int = PAIRS) -> list[Pair]:
    """Return the most frequent confusions, most images first."""
    counts = np.array(evaluation.confusion_matrix)
    images = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:count]
    places = [divmod(int(place), len(counts)) for place in order]
    return [
        Pair(evaluation.labels[i], evaluation.labels[j], int(counts[i, j]), float(counts[i, j] / images[i]))
        for i, j in places
        if counts[i, j]
    ]


def hardest(predictions: Predictions, count: int = CURVES) -> list[PrecisionRecall]:
    """Return the curves of the `count` classes with the lowest average precision, in the order of the outputs."""
    curves = precision_recall_curves(predictions)
    area = np.array([curve.average_precision for curve in curves])
    return [curves[i] for i in _most(-area, count)]


def recall_changes(changes: Mapping[str, float], recall: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return label, before, after and change for each class whose recall changed, the largest loss first."""
    return [
        {"label": label, "before": recall[label]["recall"] - change, "after": recall[label]["recall"], "change": change}
        for label, change in sorted(changes.items(), key=lambda item: (item[1], item[0]))
        if change
    ]


def _mistakes(evaluation: Evaluation) -> NDArray[np.intp]:
    counts = np.array(evaluation.confusion_matrix)
    mistakes: NDArray[np.intp] = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return mistakes


def _most(values: NDArray[Any], count: int) -> list[int]:
    """Return the indices of the `count` largest values, ascending; of equal values the first."""
    return sorted(np.argsort(-values, kind="stable")[:count].tolist())
