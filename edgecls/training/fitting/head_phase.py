"""The first phase: the head, on the features of the frozen backbone; and what it tells of the data set."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.training.data.samples import Sample
from edgecls.training.fitting import fine_tune
from edgecls.training.fitting.choose_augmentation import Judge, Numbers, choose_preset
from edgecls.training.fitting.features import View, extract_features
from edgecls.training.fitting.head import attach, in_full, new_head, train_head
from edgecls.training.fitting.search import search
from edgecls.training.fitting.training_data import BACKBONE, TrainingData, TrainingResult
from edgecls.training.settings import AUTO, Epoch, Training


def without_first_phase(task: TrainingData, training: Training, backbone: keras.Model) -> TrainingResult:
    """Where nothing is pretrained: a network that has learnt nothing yet."""
    network = new_head(backbone, len(task.weights), training, task.seed)
    nothing = np.full((len(task.truth), len(task.weights)), 1 / len(task.weights), np.float32)
    augmentation = "none" if training.augmentation == AUTO else training.augmentation
    return TrainingResult(network, (), "nothing", augmentation, nothing, training, _of_head(training))


def first_phase(task: TrainingData, training: Training, frozen: keras.Model) -> TrainingResult:
    """Train a head on what the backbone makes of the images, after a search if one was asked for."""
    phase = _FirstPhase(task, frozen)
    is_last, training = training.fine_tune == "none", _of_head(training)
    trials: list[Mapping[str, Any]] = []
    if training.search:
        training, trials = phase.search(training)
    with task.progress.step("training head", training.epochs) as advance:
        head, history = phase.fit(training, advance)
    augmentation = training.augmentation
    if augmentation == AUTO:
        augmentation = "none" if is_last else phase.choose_preset(training)
    return TrainingResult(
        attach(frozen, head, training),
        tuple(history),
        "the head only",
        augmentation,
        phase.validate(head),
        training,
        training,
        tuple(trials),
    )


def _of_head(training: Training) -> Training:
    """What was set is meant for the last phase."""
    if training.fine_tune != "none":
        training = replace(training, epochs=None, optimizer=None, learning_rate=None, label_smoothing=None)
    return in_full(training)


class _FirstPhase:
    """The features of all images, and what is done with them."""

    def __init__(self, task: TrainingData, frozen: keras.Model) -> None:
        self._task = task
        self._file = task.save(frozen, BACKBONE)
        self._features = self._look(task.images, "frozen layers")
        self._held_out = self._look(task.held_out, "frozen layers")

    def _look(self, samples: Sequence[Sample], name: str, view: View = lambda pixels: pixels) -> NDArray[np.float32]:
        spec = self._task.backbone.preprocessing
        return extract_features(self._file, samples, spec, self._task.progress, name, view, self._task.losses)

    def fit(
        self, training: Training, advance: Callable[[], None] = lambda: None, on: Numbers | slice = slice(None)
    ) -> tuple[keras.Model, list[Epoch]]:
        """Train a head on the images of these numbers."""
        task = self._task
        images, held_out = (self._features[on], task.classes[on]), (self._held_out, task.truth)
        return train_head(images, held_out, task.weights, training, task.seed, advance)

    def validate(self, head: keras.Model) -> NDArray[np.float32]:
        """Probabilities of the validation images."""
        return np.asarray(head.predict_on_batch(self._held_out))

    def search(self, training: Training) -> tuple[Training, list[Mapping[str, Any]]]:
        """The best of `training.search` settings, and all that were tried."""

        def loss(training: Training) -> float:
            found = self.validate(self.fit(training)[0])
            return fine_tune.evaluate_epoch("head", 0, math.nan, found, self._task.truth).validation_loss

        with self._task.progress.step("searching", training.search) as advance:
            return search(training, training.search, self._task.seed, loss, advance)

    def choose_preset(self, training: Training) -> str:
        """The views that the data set bears: see there."""

        def fit(on: Numbers) -> Judge:
            with self._task.progress.step("trying views", training.epochs) as advance:
                head, _ = self.fit(training, advance, on)
            return lambda features: np.asarray(head.predict_on_batch(features))

        def look(numbers: Numbers, view: View) -> NDArray[np.float32]:
            return self._look([self._task.images[number] for number in numbers], "trying views", view)

        return choose_preset(self._features, self._task.classes, fit, look, self._task.seed)
