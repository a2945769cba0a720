"""Evaluation of a model with the code that runs on the device."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sklearn.metrics import precision_recall_fscore_support

from edgecls.model.model_file import ModelFile
from edgecls.progress import Progress
from edgecls.training.data.losses import Losses
from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.curves import reliability_curve
from edgecls.training.evaluation.metrics import accuracy_interval, are_probabilities, log_loss, top_k_accuracy
from edgecls.training.evaluation.predictions import Predictions, classify_samples


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over `n` images, each 0 to 1. `confusion_matrix[i][j]`: images of labels[i] predicted as labels[j].

    `labels` are those that occur as true or predicted label. The macro figures are means over the labels that occur as
    true label. `per_class` is label -> precision, recall, f1 and support (a count). The predicted label is the one
    with the best score, regardless of thresholds.

    `accuracy_interval` is (low, high), 95 %. `balanced_accuracy` is another name of `macro_recall`. `top5_accuracy` is
    None for fewer than 6 labels; `log_loss` (nats, 0 or more) and `ece` (expected calibration error) are None where
    the scores are no probabilities; `answered`, the share of images at or above the threshold of their label, is None
    for a model without thresholds, and `answered_accuracy` also where none is answered.
    """

    n: int
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    per_class: dict[str, dict[str, float]]
    labels: list[str]
    confusion_matrix: list[list[int]]
    accuracy_interval: tuple[float, float]
    balanced_accuracy: float
    top5_accuracy: float | None
    log_loss: float | None
    ece: float | None
    answered: float | None
    answered_accuracy: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return what `edgecls evaluate --format json` prints."""
        return asdict(self)

    def summary(self) -> dict[str, Any]:
        """Return the figures that are stored in the model file, without those that are None."""
        figures = {
            "accuracy": self.accuracy,
            "macro_precision": self.macro_precision,
            "macro_recall": self.macro_recall,
            "macro_f1": self.macro_f1,
            "top5_accuracy": self.top5_accuracy,
            "log_loss": self.log_loss,
            "ece": self.ece,
            "answered": self.answered,
            "answered_accuracy": self.answered_accuracy,
        }
        return {
            "n": self.n,
            **{name: round(value, 6) for name, value in figures.items() if value is not None},
            "accuracy_interval": [round(bound, 6) for bound in self.accuracy_interval],
        }


def evaluate_model(
    model: ModelFile,
    samples: Sequence[Sample],
    progress: Progress,
    name: str = "evaluating",
    losses: Losses | None = None,
) -> Evaluation:
    """Classify every sample as on the device and return the figures. Raises the errors of `classify_samples`."""
    return evaluate_predictions(classify_samples(model, samples, progress, name, losses))


def evaluate_predictions(predictions: Predictions) -> Evaluation:
    """Return the figures of `predictions`, which must contain at least one image."""
    truth, answers = [sample.label for sample in predictions.samples], predictions.answers
    labels = sorted({*truth, *answers})
    precision, recall, f1, support = precision_recall_fscore_support(truth, answers, labels=labels, zero_division=0)
    present = support > 0
    pairs = Counter(zip(truth, answers, strict=True))  # scikit-learn's matrix comes with a warning for a single label
    balanced = float(recall[present].mean())
    return Evaluation(
        n=len(truth),
        accuracy=float(predictions.right.mean()),
        macro_precision=float(precision[present].mean()),
        macro_recall=balanced,
        macro_f1=float(f1[present].mean()),
        per_class={
            label: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, label in enumerate(labels)
        },
        labels=labels,
        confusion_matrix=[[pairs[label, answer] for answer in labels] for label in labels],
        accuracy_interval=accuracy_interval(predictions.right, [sample.group for sample in predictions.samples]),
        balanced_accuracy=balanced,
        **_of_scores(predictions),
    )


def _of_scores(predictions: Predictions) -> dict[str, float | None]:
    """Return the figures that need the scores."""
    scores, truth = predictions.scores, predictions.truth
    probable = are_probabilities(scores)
    answered = predictions.answered()
    right = predictions.right[answered]
    decides = bool(predictions.thresholds)
    return {
        "top5_accuracy": top_k_accuracy(scores, truth, 5) if len(predictions.labels) > 5 else None,
        "log_loss": log_loss(scores, truth) if probable else None,
        "ece": reliability_curve(predictions).error if probable else None,
        "answered": float(answered.mean()) if decides else None,
        "answered_accuracy": float(right.mean()) if decides and right.size else None,
    }
