"""What quantization has cost: the float model and the quantized one on the same images."""

from dataclasses import dataclass

import numpy as np

from edgecls.convert.data.samples import Sample
from edgecls.convert.evaluation.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Flip:
    """An image whose best label is another after quantization. Scores are probabilities; the truth is `sample.label`."""

    sample: Sample
    float_label: str
    float_score: float
    quantized_label: str
    quantized_score: float

    @property
    def damage(self) -> int:
        """1: was right and is wrong; 0: wrong in another way; -1: was wrong and is right."""
        return (self.float_label == self.sample.label) - (self.quantized_label == self.sample.label)


@dataclass(frozen=True, slots=True)
class Gate:
    """Accuracies over `n` images, 0 to 1. `drop` is float minus quantized: below 0 where quantization helped.

    `agreement` is the share of images with the same best label; `recall_change` is label -> quantized minus float
    recall, for labels that occur as truth. `flipped`: most damaging first, and of equal damage where the quantized
    model is surest of itself.
    """

    n: int
    float_accuracy: float
    quantized_accuracy: float
    agreement: float
    recall_change: dict[str, float]
    flipped: tuple[Flip, ...]

    @property
    def drop(self) -> float:
        """The accuracy that was lost."""
        return self.float_accuracy - self.quantized_accuracy

    def passes(self, max_drop: float) -> bool:
        """Whether no more than `max_drop`, 0 to 1, was lost, or a single image: of a few images one says nothing."""
        return self.drop * self.n <= max(max_drop * self.n, 1.0 if max_drop > 0 else max_drop * self.n) + 1e-9

    def by_one_image(self, max_drop: float) -> bool:
        """Whether it passes only because what was lost is a single image."""
        return self.passes(max_drop) and self.drop * self.n > max_drop * self.n + 1e-9


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
