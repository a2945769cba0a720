"""The images that the report shows: the worst errors, and those whose answer changed with quantization."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import EdgeclsError
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.gate import Flip
from edgecls.training.evaluation.predictions import Predictions
from edgecls.training.report.thumbnails import overlay, thumbnail

MISTAKES = 12
FLIPS = 8


@dataclass(frozen=True, slots=True)
class Mistake:
    """An image that was classified wrongly. `truth_score` is the score of its true class, None if the model lacks it.

    `image`, `answer_heat` and `truth_heat` are data: addresses of JPEGs: the image as the model sees it, and where it
    sees either class. Empty where the image cannot be read any more, or there is no such class.
    """

    name: str
    truth: str
    answer: str
    score: float
    truth_score: float | None
    image: str = ""
    answer_heat: str = ""
    truth_heat: str = ""


@dataclass(frozen=True, slots=True)
class Flipped:
    """A changed answer with its image as the model sees it: a data: address of a JPEG, or empty."""

    name: str
    flip: Flip
    image: str


def worst_mistakes(predictions: Predictions, conversion: Any, count: int = MISTAKES) -> list[Mistake]:
    """Return the wrong answers with the highest scores, with heat maps of the predicted and of the true class."""
    order = np.argsort(-predictions.top, kind="stable")
    worst = [int(i) for i in order if not predictions.right[i]][:count]
    read = {i: _pixels(predictions.samples[i], conversion.preprocessing) for i in worst}
    pixels = {i: image for i, image in read.items() if image is not None}
    asked = [(i, int(label)) for i in pixels for label in (predictions.best[i], predictions.truth[i]) if label >= 0]
    heat = _heat_maps(conversion, pixels, asked)
    return [_mistake(predictions, i, pixels.get(i), heat) for i in worst]


def _mistake(
    predictions: Predictions,
    i: int,
    pixels: NDArray[np.uint8] | None,
    heat: Mapping[tuple[int, int], NDArray[np.float32]],
) -> Mistake:
    sample, best, truth = predictions.samples[i], int(predictions.best[i]), int(predictions.truth[i])

    def over(label: int) -> str:
        return overlay(pixels, heat[i, label]) if pixels is not None and (i, label) in heat else ""

    return Mistake(
        name=sample.path.name,
        truth=sample.label,
        answer=predictions.labels[best],
        score=float(predictions.top[i]),
        truth_score=float(predictions.scores[i, truth]) if truth >= 0 else None,
        image=thumbnail(pixels) if pixels is not None else "",
        answer_heat=over(best),
        truth_heat=over(truth),
    )


def _heat_maps(
    conversion: Any, pixels: Mapping[int, NDArray[np.uint8]], asked: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], NDArray[np.float32]]:
    """Return a heat map of the float network for each requested (image, class)."""
    if not asked:
        return {}
    from edgecls.training.quantization.quantize import normalize
    from edgecls.training.report.grad_cam import heat_maps

    images = np.stack([pixels[i] for i, _ in asked])
    classes = np.array([label for _, label in asked])
    maps = heat_maps(conversion.network, normalize(images, conversion.mean, conversion.std), classes)
    return dict(zip(asked, maps, strict=True))


def flips(changed: Iterable[Flip], preprocessing: Preprocessing, count: int = FLIPS) -> list[Flipped]:
    """Return the first `count` changed answers with their images."""
    return [_flipped(flip, preprocessing) for flip in list(changed)[:count]]


def _flipped(flip: Flip, preprocessing: Preprocessing) -> Flipped:
    pixels = _pixels(flip.sample, preprocessing)
    return Flipped(flip.sample.path.name, flip, thumbnail(pixels) if pixels is not None else "")


def _pixels(sample: Sample, preprocessing: Preprocessing) -> NDArray[np.uint8] | None:
    """Return the pixels, or None if the image can no longer be read: the report is written all the same."""
    try:
        return load_pixels(sample.read(), preprocessing)
    except EdgeclsError:
        return None
