"""The first phase of training: the head, and the augmentation that the data set allows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.training.features import Transform, extract_features
from edgecls.training.fitting.choose_augmentation import Predict, choose_preset
from edgecls.training.fitting.fine_tune import evaluate_epoch
from edgecls.training.fitting.head import attach, new_head, train_head
from edgecls.training.fitting.search import search
from edgecls.training.fitting.training_data import TrainingData, TrainingResult, save_backbone
from edgecls.training.settings import AUTO, Epoch, PhaseSettings, ResolvedTraining


def skip_head_phase(data: TrainingData, settings: ResolvedTraining, backbone: keras.Model) -> TrainingResult:
    """Return an untrained network: without pretrained weights there are no features to train a head on."""
    classes = len(data.class_weights)
    network = new_head(backbone, classes, settings.fine_tuning.dropout, data.seed)
    uniform = np.full((len(data.validation), classes), 1 / classes, np.float32)
    return TrainingResult(network, (), "nothing", settings, settings.head, uniform)


def train_head_phase(data: TrainingData, settings: ResolvedTraining, backbone: keras.Model) -> TrainingResult:
    """Train a head on the features of the frozen backbone, after a search for hyper-parameters if one is requested."""
    phase = _HeadPhase(data, backbone)
    trials: list[Mapping[str, Any]] = []
    if settings.search:
        head_settings, trials = phase.search(settings.head, settings.search)
        settings = replace(settings, head=head_settings)
    with data.progress.step("training head", settings.head.epochs) as advance:
        head, history = phase.fit(settings.head, advance)
    if settings.augmentation == AUTO:
        settings = replace(settings, augmentation=phase.choose_augmentation(settings.head))
    return TrainingResult(
        attach(backbone, head, settings.head.dropout),
        tuple(history),
        "the head only",
        settings,
        settings.head,
        phase.predict_validation(head),
        tuple(trials),
    )


class _HeadPhase:
    """The features of all training and validation images, and the heads that are trained on them."""

    def __init__(self, data: TrainingData, backbone: keras.Model) -> None:
        self._data = data
        self._file = save_backbone(data.backbone, backbone, data.work)
        self._train = extract_features(self._file, data.train, data.progress, "frozen layers")
        self._validation = extract_features(self._file, data.validation, data.progress, "frozen layers")

    def fit(
        self,
        settings: PhaseSettings,
        advance: Callable[[], None] = lambda: None,
        numbers: NDArray[np.intp] | slice = slice(None),
    ) -> tuple[keras.Model, list[Epoch]]:
        """Train a head on the training images with these numbers."""
        data = self._data
        train = self._train[numbers], data.train_classes[numbers]
        validation = self._validation, data.validation_classes
        return train_head(train, validation, data.class_weights, settings, data.seed, advance)

    def predict_validation(self, head: keras.Model) -> NDArray[np.float32]:
        """Return the probabilities of the validation images, (n, classes)."""
        return np.asarray(head.predict_on_batch(self._validation))

    def search(self, settings: PhaseSettings, trials: int) -> tuple[PhaseSettings, list[Mapping[str, Any]]]:
        """Return the best settings of `trials`, and all that were tried."""

        def validation_loss(settings: PhaseSettings) -> float:
            probabilities = self.predict_validation(self.fit(settings)[0])
            return evaluate_epoch("head", 0, math.nan, probabilities, self._data.validation_classes).validation_loss

        with self._data.progress.step("searching", trials) as advance:
            return search(settings, trials, self._data.seed, validation_loss, advance)

    def choose_augmentation(self, settings: PhaseSettings) -> str:
        """Return the augmentation preset that the data set allows; see `choose_preset`."""
        data = self._data

        def fit(numbers: NDArray[np.intp]) -> Predict:
            with data.progress.step("comparing augmentations", settings.epochs) as advance:
                head, _ = self.fit(settings, advance, numbers)
            return lambda features: np.asarray(head.predict_on_batch(features))

        def transformed_features(numbers: NDArray[np.intp], transform: Transform) -> NDArray[np.float32]:
            return extract_features(
                self._file, data.train, data.progress, "comparing augmentations", numbers, transform
            )

        return choose_preset(self._train, data.train_classes, fit, transformed_features, data.seed)
