"""Check a model before it is used: its golden examples must give the outputs recorded in its file."""

import math
from typing import Any

import numpy as np

from edgecls.errors import BadImage, BadModel
from edgecls.images.preprocess import load_pixels
from edgecls.inference.classifier import Classifier
from edgecls.model.model_file import GoldenExample, ModelFile


def verify(model: ModelFile) -> dict[str, Any]:
    """Replay the golden examples with the kernels that classify, and exactly with reference kernels if all is integer.

    Returns their number, and how each comparison was made. Raises BadModel if one fails. Reference kernels
    take about 0.1 s an image for EfficientNet-Lite0 on a workstation, and seconds on a small board.
    """
    count = replay_golden(Classifier(model))
    exactly = bool(count and model.info and model.info.quantization == "int8")
    if exactly:
        replay_golden(Classifier(model, reference_kernels=True), exact=True)
    return {
        "examples": count,
        "fast kernels": "within tolerance",
        "reference kernels": "exact" if exactly else "not compared",
    }


def replay_golden(classifier: Classifier, *, exact: bool = False) -> int:
    """Run the model's golden examples through preprocessing and network; return their number.

    `exact` is for a classifier with reference kernels and an integer model, whose outputs must be equal to the
    recorded ones. Otherwise each score may be off by the tolerance that the model states. Raises BadModel.
    """
    model = classifier.model
    for index, example in enumerate(model.golden):
        worst = _worst_difference(classifier, example)
        tolerance = 0.0 if exact else (model.info.golden_tolerance if model.info else 0.0)
        if not worst <= tolerance:  # NaN is no agreement either
            raise BadModel(
                f"{model.path} does not reproduce its recorded outputs: golden example {index} is off by {worst:.3f} "
                f"({tolerance:.3f} allowed) with {classifier.runtime.name}: update the runtime and OpenCV, or convert "
                "the model again"
            )
    return len(model.golden)


def _worst_difference(classifier: Classifier, example: GoldenExample) -> float:
    """Return the greatest difference between a score and the recorded one, 0 to 1; infinite if they cannot be compared."""
    try:
        pixels = load_pixels(example.image, classifier.preprocessing)
    except BadImage:
        return math.inf
    expected = classifier.runtime.scores(np.asarray(example.outputs))
    scores = classifier.scores(pixels)
    return float(np.abs(scores - expected).max()) if scores.shape == expected.shape else math.inf
