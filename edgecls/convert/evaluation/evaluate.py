"""How good a model is, measured by the code that runs on the device."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from edgecls.convert.data.samples import Sample
from edgecls.convert.workers import for_each
from edgecls.device.classifier import Classifier
from edgecls.errors import BadData
from edgecls.model_file import ModelFile
from edgecls.progress import Steps


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures over `n` images, each 0 to 1. `confusion_matrix[i][j]`: images of labels[i] taken for labels[j].

    `labels` are those that occur, as truth or as answer. The macro figures are means over the labels that occur as
    truth. `per_class` is label -> precision, recall, f1 and support (a count). An answer is the best-scoring label,
    whatever its threshold.
    """

    n: int
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    per_class: dict[str, dict[str, float]]
    labels: list[str]
    confusion_matrix: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """What `edgecls evaluate --format json` prints."""
        return asdict(self)

    def summary(self) -> dict[str, float]:
        """The figures that the model file carries."""
        return {
            "n": self.n,
            "accuracy": round(self.accuracy, 6),
            "macro_precision": round(self.macro_precision, 6),
            "macro_recall": round(self.macro_recall, 6),
            "macro_f1": round(self.macro_f1, 6),
        }


def evaluate(model: ModelFile, samples: Sequence[Sample], steps: Steps, name: str = "evaluating") -> Evaluation:
    """Classify every sample as a device would, and count. Raises BadData where no label of theirs is the model's."""
    if not {sample.label for sample in samples} & set(model.labels):
        raise BadData(f"no class of the data set is a label of {model.path}: the model was trained on other classes")
    with steps.step(name, len(samples)) as advance:
        answers = for_each(lambda: Classifier(model, threads=1), _answer, samples, advance)
    return measure([sample.label for sample in samples], answers)


def _answer(classifier: Classifier, sample: Sample) -> str:
    result = classifier.classify(sample.path)
    if result.error:
        raise BadData(f"{sample.path} {result.error}: it decoded a moment ago; was it changed?")
    return result.top_k[0].label


def measure(truth: Sequence[str], answers: Sequence[str]) -> Evaluation:
    """Compare answers with the truth, label by label."""
    labels = sorted({*truth, *answers})
    precision, recall, f1, support = precision_recall_fscore_support(truth, answers, labels=labels, zero_division=0)
    present = support > 0
    pairs = Counter(zip(truth, answers, strict=True))  # scikit-learn's matrix comes with a warning for a single label
    return Evaluation(
        n=len(truth),
        accuracy=float(np.mean([a == b for a, b in zip(truth, answers, strict=True)])),
        macro_precision=float(precision[present].mean()),
        macro_recall=float(recall[present].mean()),
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
    )
