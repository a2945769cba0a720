"""Comparison of two models on the same images."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgecls.errors import BadData
from edgecls.model.model_file import ModelFile
from edgecls.progress import Progress
from edgecls.training.data.class_names import spell_as
from edgecls.training.data.losses import Losses
from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.evaluate import Evaluation, evaluate_predictions
from edgecls.training.evaluation.mcnemar import McNemar, agreement, mcnemar
from edgecls.training.evaluation.predictions import classify_samples, in_common

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Two evaluations on the same images, McNemar's test, and the share of images with the same answer.

    `left_out` is label -> number of images that were not compared because only one model knows the label.
    """

    models: tuple[ModelFile, ModelFile]
    evaluations: tuple[Evaluation, Evaluation]
    mcnemar: McNemar
    agreement: float
    left_out: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return what `edgecls evaluate --format json` prints for two models."""
        return {
            "models": [
                {"path": str(model.path), "sha256": model.sha256, **evaluation.as_dict()}
                for model, evaluation in zip(self.models, self.evaluations, strict=True)
            ],
            "mcnemar": self.mcnemar.as_dict(),
            "agreement": self.agreement,
            "left_out": self.left_out,
        }


def compare_models(
    first: ModelFile, second: ModelFile, samples: Sequence[Sample], progress: Progress, losses: Losses | None = None
) -> ModelComparison:
    """Classify the images with both models, as a device would, and compare.

    If the models have different labels, only images whose label both know are compared. Raises BadData if there are
    none. An image that can no longer be read is added to `losses`.
    """
    compared, left_out = _known_to_both(first, second, spell_as(samples, first.labels))
    predictions = [
        classify_samples(model, compared, progress, f"evaluating {model.path.name}", losses)
        for model in (first, second)
    ]
    one, two = in_common(*predictions)
    return ModelComparison(
        (first, second),
        (evaluate_predictions(one), evaluate_predictions(two)),
        mcnemar(one, two),
        agreement(one, two),
        left_out,
    )


def _known_to_both(
    first: ModelFile, second: ModelFile, samples: Sequence[Sample]
) -> tuple[list[Sample], dict[str, int]]:
    """Return (the images to compare, the number left out by label). A label that neither knows is equally hard for both."""
    ours, theirs = set(first.labels), set(second.labels)
    if ours == theirs:
        return list(samples), {}
    shared = ours & theirs
    known = [sample for sample in samples if sample.label in shared]
    if not known:
        raise BadData(
            f"no image has a label that both {first.path} and {second.path} know: compare models of the same classes"
        )
    left_out = dict(sorted(Counter(sample.label for sample in samples if sample.label not in shared).items()))
    log.warning(
        "%s and %s have different labels (%d in common): %d of %d images are compared, those whose label both know",
        first.path, second.path, len(shared), len(known), len(samples),
    )  # fmt: skip
    return known, left_out
