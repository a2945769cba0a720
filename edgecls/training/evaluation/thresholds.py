"""Score thresholds per label, chosen on the validation images for a minimum precision of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecls.training.evaluation.predictions import Predictions

STEPS = 256
"""int8 scores are multiples of 1/256. Thresholds lie half-way between two of them, so rounding does not matter."""

NEVER = 1.0
"""A threshold that no int8 score reaches: the largest is 255/256."""

FEW = 3
"""Most labels that are never answered for which each has a line of its own."""

NAMED = 20
"""Most labels that one line names."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of one label, and its figures on the images that it was chosen on.

    `answers`: of how many images it is the best label; `answered`: of those, how many score `threshold` (0 to 1) or
    more; `precision`: the share of these that is right, None where there are none. `pooled`: its own images were too
    few, and the threshold is that of all labels together. `reached`: the images bear out the precision asked for; where
    they do not, the threshold is 1, and the label is never answered.
    """

    label: str
    threshold: float
    answers: int
    answered: int
    precision: float | None
    pooled: bool
    reached: bool


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A threshold for each label, in the order of the outputs. `coverage`: the share of images that is answered.

    `precision`: the share of the answered that is right, None where none is answered.
    """

    min_precision: float
    labels: tuple[Threshold, ...]
    coverage: float
    precision: float | None

    @property
    def by_label(self) -> dict[str, float]:
        """Return label -> threshold, as stored in the model file; empty without a minimum precision."""
        return {each.label: each.threshold for each in self.labels} if self.min_precision > 0 else {}

    @property
    def unreached(self) -> tuple[Threshold, ...]:
        """Return the labels that are never answered because their precision could not be confirmed."""
        return tuple(each for each in self.labels if not each.reached)


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """`answers`, `answered` and `precision` as in `Threshold`."""

    answers: int
    answered: int
    precision: float | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The result of thresholds on `n` images: the share `answered`, 0 to 1, and the precision of the answers.

    `precision` is None where none is answered.
    """

    n: int
    answered: float
    precision: float | None
    per_label: dict[str, LabelCoverage]


_Answers = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""The score of each image with this best label, and whether the label is right."""


@dataclass(frozen=True, slots=True)
class _Cut:
    threshold: float
    answered: int
    right: int


def choose_thresholds(predictions: Predictions, min_precision: float) -> Thresholds:
    """Return for each label the lowest threshold at which its answers reach `min_precision`, 0 to 1.

    Reaching means, by the rule of succession, (right + 1) / (answered + 2) >= min_precision. The lowest of many cuts flatters
    itself, and does so most where images are few; for 0.95 at least 18 answers, all right, are wanted. Where no cut of
    a label's own is borne out, the threshold is that of all labels together, unless the label's own answers there
    contradict it, or there is no image of it; then it is 1, and the label counts as not reached: who asks for a precision
    gets it or no answer.
    Reasons and measurements: docs/how-to/evaluate.md.

    0 asks for nothing: all thresholds are 0. Raises ValueError for a `min_precision` outside 0 to 1.
    """
    if not 0 <= min_precision <= 1:
        raise ValueError(f"min_precision is {min_precision}: it is a share, 0 to 1")
    pooled = _cuts(predictions.top, predictions.right)
    fallback = _lowest(pooled, min_precision)
    chosen = []
    for index, label in enumerate(predictions.labels):
        own = predictions.best == index
        evidence = fallback if np.any(predictions.truth == index) else None
        chosen.append(_choose(label, (predictions.top[own], predictions.right[own]), evidence, min_precision))
    coverage = apply_thresholds(predictions, {each.label: each.threshold for each in chosen})
    return Thresholds(min_precision, tuple(chosen), coverage.answered, coverage.precision)


def _choose(label: str, answers: _Answers, fallback: _Cut | None, min_precision: float) -> Threshold:
    cuts = _cuts(*answers)
    own = _lowest(cuts, min_precision)
    if min_precision == 0:
        cut, pooled, reached = cuts[0] if cuts else _Cut(0.0, 0, 0), False, True
    elif own:
        cut, pooled, reached = own, False, True
    elif fallback and not _contradicts(there := _at(answers, fallback.threshold), min_precision):
        cut, pooled, reached = there, True, True
    else:
        cut, pooled, reached = _at(answers, NEVER), False, False
    precision = cut.right / cut.answered if cut.answered else None
    return Threshold(label, cut.threshold, len(answers[0]), cut.answered, precision, pooled, reached)


def never_answered(thresholds: Thresholds, images: Mapping[str, int]) -> list[str]:
    """Return lines that name the labels that are never answered. `images` is label -> number of validation images."""
    lost = [each.label for each in thresholds.unreached]
    cannot = f"cannot show a precision of {thresholds.min_precision:g}: add images, or lower --min-precision"
    if len(lost) <= FEW:
        return [f"{label} is never answered: its {_images(images[label])} {cannot}" for label in lost]
    names = ", ".join(f"{label} ({images[label]})" for label in lost[:NAMED])
    more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    share = "none of the labels is ever" if len(lost) == len(thresholds.labels) else f"{len(lost)} labels are never"
    return [f"{share} answered: their validation images {cannot}: {names}{more}"]


def _images(count: int) -> str:
    return f"{count} validation image{'' if count == 1 else 's'}"


def _cuts(top: NDArray[np.float64], right: NDArray[np.bool_]) -> list[_Cut]:
    """Return every division of images by their best score (n,), thresholds ascending from 0; none if n is 0."""
    steps = np.floor(top * STEPS + 0.5).astype(np.intp)
    values, place = np.unique(steps, return_inverse=True)
    counts = np.bincount(place, minlength=len(values))
    hits = np.bincount(place, right.astype(np.float64), len(values))
    answered, correct = (np.cumsum(each[::-1])[::-1] for each in (counts, hits))
    between = ((values[:-1] + values[1:]) // 2 + 0.5) / STEPS
    thresholds = [0.0, *between.tolist()][: len(values)]
    return [_Cut(t, int(k), int(c)) for t, k, c in zip(thresholds, answered, correct, strict=True)]


def _lowest(cuts: list[_Cut], min_precision: float) -> _Cut | None:
    """Return the lowest cut that satisfies the rule of succession (Laplace: the posterior mean of a uniform prior)."""
    return next((cut for cut in cuts if cut.right + 1 >= min_precision * (cut.answered + 2)), None)


def _at(answers: _Answers, threshold: float) -> _Cut:
    """Return the cut at `threshold`, which may be above all scores."""
    top, right = answers
    answered = top >= threshold
    return _Cut(threshold, int(answered.sum()), int(right[answered].sum()))


def _contradicts(cut: _Cut, min_precision: float) -> bool:
    return cut.right < min_precision * cut.answered


def apply_thresholds(predictions: Predictions, thresholds: Mapping[str, float]) -> Coverage:
    """Return the coverage of `thresholds` (label -> 0 to 1; a missing label is always answered) on other images."""
    answered = predictions.answered(thresholds)
    per_label = {}
    for index, label in enumerate(predictions.labels):
        own = predictions.best == index
        right = predictions.right[own & answered]
        per_label[label] = LabelCoverage(int(own.sum()), len(right), float(right.mean()) if len(right) else None)
    right = predictions.right[answered]
    return Coverage(len(predictions), float(answered.mean()), float(right.mean()) if len(right) else None, per_label)
