"""All scores of a model for labelled images, computed once with the code that runs on the device.

All figures, curves, thresholds and comparisons are functions of a `Predictions`, so an image is classified only once.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, EdgeclsError
from edgecls.inference.classifier import Classifier, as_frame
from edgecls.model.model_file import ModelFile
from edgecls.progress import Progress
from edgecls.training.data.class_names import spell_as
from edgecls.training.data.losses import Losses, reason_of
from edgecls.training.data.pixel_cache import PixelCache
from edgecls.training.data.sample import Sample
from edgecls.training.workers import for_each

NAMED = 5
"""Most classes that a warning names."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Predictions:
    """The scores of n images.

    `labels` are the model's, in the order of its outputs; `scores` is float32 (n, labels), a probability each;
    `truth` int (n,), indices into `labels`, -1 where the sample's label is none of them. `thresholds` is
    label -> the least score that is believed, 0 to 1; empty where the model always answers.
    """

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    scores: NDArray[np.float32]
    truth: NDArray[np.intp]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def best(self) -> NDArray[np.intp]:
        """Return the label with the best score of each image, regardless of thresholds: int (n,), indices into `labels`.

        Of equal scores the lower index wins, as on the device.
        """
        best: NDArray[np.intp] = np.argmax(self.scores, axis=1)
        return best

    @cached_property
    def top(self) -> NDArray[np.float64]:
        """Return the best score of each image, float64 (n,), the type in which the device compares it with thresholds."""
        top: NDArray[np.float64] = self.scores.max(axis=1).astype(np.float64)
        return top

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Return whether the label with the best score is the true one, bool (n,)."""
        return np.equal(self.best, self.truth)

    @property
    def answers(self) -> list[str]:
        """Return the label with the best score of each image."""
        return [self.labels[i] for i in self.best]

    def answered(self, thresholds: Mapping[str, float] | None = None) -> NDArray[np.bool_]:
        """Return whether each image is answered rather than `unknown`, bool (n,); by default with the model's thresholds."""
        chosen = self.thresholds if thresholds is None else thresholds
        least = np.array([chosen.get(label, 0.0) for label in self.labels])
        answered: NDArray[np.bool_] = self.top >= least[self.best]
        return answered

    def where(self, chosen: NDArray[np.bool_]) -> "Predictions":
        """Return only the images for which `chosen`, bool (n,), is true."""
        samples = tuple(sample for sample, kept in zip(self.samples, chosen, strict=True) if kept)
        return replace(self, samples=samples, scores=self.scores[chosen], truth=self.truth[chosen])


def in_common(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Return both without the images that are in one of them only: an image may be lost between two measurements."""
    paths, others = ([sample.path for sample in each.samples] for each in (first, second))
    if paths == others:
        return first, second
    shared = set(paths) & set(others)
    if not shared:
        raise BadData(_NONE_LEFT)
    one, two = (each.where(np.array([sample.path in shared for sample in each.samples])) for each in (first, second))
    return one, two


_NONE_LEFT = "none of the images can be read any more: is the disk of the data set still there?"


def classify_samples(
    model: ModelFile,
    samples: Sequence[Sample],
    progress: Progress,
    name: str = "evaluating",
    losses: Losses | None = None,
) -> Predictions:
    """Classify every sample as on the device.

    Samples that can no longer be read or decoded are added to `losses` and left out. Raises BadData if the model has
    none of their labels, and if no sample is left. The samples of the result have the model's spelling
    of their labels.
    """
    samples = spell_as(samples, model.labels)
    # Two outputs of one name, which a model from elsewhere may have, count as the first of them.
    places = {label: index for index, label in reversed(list(enumerate(model.labels)))}
    truth = np.array([places.get(sample.label, -1) for sample in samples], np.intp)
    if not (truth >= 0).any():
        raise BadData(f"no class of the data set is a label of {model.path}: the model was trained on other classes")
    strange = Counter(sample.label for sample, place in zip(samples, truth, strict=True) if place < 0)
    if strange:
        classes = ", ".join(f"{label!r} ({count})" for label, count in sorted(strange.items())[:NAMED])
        more = ", ..." if len(strange) > NAMED else ""
        log.warning("%s has no label for images of %s%s: they count as wrong", model.path, classes, more)
    lost = Losses() if losses is None else losses

    def work(classifier: Classifier, sample: Sample) -> NDArray[np.float32] | None:
        return _scores(classifier, sample, places, lost)

    with progress.step(name, len(samples)) as advance:
        rows = for_each(
            lambda: Classifier(model, threads=1, top_k=len(model.labels)),
            work,
            samples,
            advance,
        )
    thresholds = dict(model.info.thresholds) if model.info else {}
    kept = np.array([row is not None for row in rows])
    if not (truth[kept] >= 0).any():
        raise BadData(_NONE_LEFT)
    usable = tuple(sample for sample, row in zip(samples, rows, strict=True) if row is not None)
    scores = np.stack([row for row in rows if row is not None])
    return Predictions(usable, model.labels, scores, truth[kept], thresholds)


def predict_pixels(model: ModelFile, pixels: PixelCache) -> Predictions:
    """Classify cached model-sized pixels, which are those that a device would feed."""
    samples = spell_as(pixels.samples, model.labels)
    indices = {label: index for index, label in enumerate(model.labels)}
    truth = np.array([indices[sample.label] for sample in samples], np.intp)
    scores = for_each(
        lambda: Classifier(model, threads=1),
        lambda classifier, number: classifier.scores(pixels.read(number)),
        range(len(samples)),
        lambda: None,
    )
    return Predictions(tuple(samples), model.labels, np.stack(scores), truth)


def _scores(
    classifier: Classifier, sample: Sample, places: Mapping[str, int], losses: Losses
) -> NDArray[np.float32] | None:
    """Return the scores of one image in the order of the outputs, float32 (labels,); None if it cannot be read."""
    try:
        result = classifier.classify(replace(as_frame(sample.read()), path=str(sample.path)))
    except EdgeclsError as error:
        losses.add(sample.path, reason_of(error))
        return None
    if result.error:
        losses.add(sample.path, result.error)
        return None
    scores = np.full(len(result.top_k), result.top_k[-1].score, np.float32)
    for prediction in reversed(result.top_k):
        scores[places[prediction.label]] = prediction.score
    return scores
