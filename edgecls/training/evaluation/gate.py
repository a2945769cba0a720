"""The accuracy that quantization loses: the float model and the quantized one on the same images."""

from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.paired_difference import paired_interval, score_statistic
from edgecls.training.evaluation.predictions import Predictions

CONFIDENCE = 0.95
"""Confidence that a rejected model loses more than allowed. The displayed interval has this at either end: 90 %."""


@dataclass(frozen=True, slots=True)
class Flip:
    """An image whose best label changes with quantization. Scores are probabilities; `sample.label` is the true label."""

    sample: Sample
    float_label: str
    float_score: float
    quantized_label: str
    quantized_score: float

    @property
    def damage(self) -> int:
        """Return 1 if it became wrong, -1 if it became right, 0 if both answers are wrong."""
        return (self.float_label == self.sample.label) - (self.quantized_label == self.sample.label)


@dataclass(frozen=True, slots=True)
class Gate:
    """Accuracies over `n` images, 0 to 1. `drop` is float minus quantized: below 0 where quantization helped.

    `lost` images only the float model has right, `gained` only the quantized one.
    `agreement` is the share of images with the same best label; `recall_change` is label -> quantized minus float
    recall, for labels that occur as truth. `flipped`: most damaging first, and of equal damage where the quantized
    model is surest of itself.
    """

    n: int
    float_accuracy: float
    quantized_accuracy: float
    lost: int
    gained: int
    agreement: float
    recall_change: dict[str, float]
    flipped: tuple[Flip, ...]

    @property
    def drop(self) -> float:
        """Return the accuracy that is lost, negative if quantization helps."""
        return self.float_accuracy - self.quantized_accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 90 % confidence interval of the drop."""
        return paired_interval(self.lost, self.gained, self.n, 2 * CONFIDENCE - 1)

    def within(self, max_drop: float) -> bool:
        """Tell whether no more than `max_drop`, 0 to 1, was lost on these images, or a single image."""
        return self.drop * self.n <= max(max_drop * self.n, 1.0 if max_drop > 0 else max_drop * self.n) + 1e-9

    def by_one_image(self, max_drop: float) -> bool:
        """Tell whether it is within `max_drop` only because what was lost is a single image."""
        return self.within(max_drop) and self.drop * self.n > max_drop * self.n + 1e-9

    def passes(self, max_drop: float) -> bool:
        """Tell whether a true loss of at most `max_drop`, 0 to 1, can explain what is seen; of 0, whether nothing was lost.

        A few hundred images show a loss of a point or two where there is none: which answers flip is chance. So a model
        fails only if the one-sided score test of the paired difference rejects `max_drop` at 5 %, which is the same as
        the lower end of `interval` being above it.
        """
        if max_drop <= 0:
            return self.within(max_drop)
        return score_statistic(self.lost, self.gained, self.n, max_drop) <= NormalDist().inv_cdf(CONFIDENCE)

    def summary(self) -> dict[str, Any]:
        """Return what a model file says about it."""
        low, high = self.interval
        return {
            "drop": round(self.drop, 6),
            "interval": [round(low, 6), round(high, 6)],
            "agreement": round(self.agreement, 6),
        }


@dataclass(frozen=True, slots=True)
class Rejected:
    """A model that was not written because it loses too much, even with a refitted head where that was tried."""

    quantization: str
    output: Path
    gate: Gate
    refit_tried: bool

    def metrics(self) -> dict[str, Any]:
        """Return what the file of the model that was written instead says about it."""
        return {"rejected": {"quantization": self.quantization, **self.gate.summary()}}


def compare_precisions(float_predictions: Predictions, quantized_predictions: Predictions) -> Gate:
    """Compare a float model with its quantization. Raises ValueError unless images and labels are the same."""
    before, after = float_predictions, quantized_predictions
    if before.samples != after.samples or before.labels != after.labels:
        raise ValueError("the two predictions are of different images or labels")
    same = before.best == after.best
    return Gate(
        n=len(before),
        float_accuracy=float(before.right.mean()),
        quantized_accuracy=float(after.right.mean()),
        lost=int(np.sum(before.right & ~after.right)),
        gained=int(np.sum(~before.right & after.right)),
        agreement=float(same.mean()),
        recall_change=_recall_change(before, after),
        flipped=_flipped(before, after),
    )


def _recall_change(before: Predictions, after: Predictions) -> dict[str, float]:
    gained = after.right.astype(np.float64) - before.right
    return {
        label: float(gained[before.truth == index].mean())
        for index, label in enumerate(before.labels)
        if np.any(before.truth == index)
    }


def _flipped(before: Predictions, after: Predictions) -> tuple[Flip, ...]:
    flips = [
        Flip(
            before.samples[i],
            before.labels[before.best[i]],
            float(before.top[i]),
            after.labels[after.best[i]],
            float(after.top[i]),
        )
        for i in np.flatnonzero(before.best != after.best)
    ]
    return tuple(sorted(flips, key=lambda flip: (-flip.damage, -flip.quantized_score, flip.sample.path)))
