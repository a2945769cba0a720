"""The data that a network is trained on, and the result of training."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.progress import Progress
from edgecls.training.backbones import Backbone
from edgecls.training.data.dataset import Dataset
from edgecls.training.data.pixel_cache import PixelCache, cache_pixels
from edgecls.training.data.sample import Sample
from edgecls.training.quantization import quantize
from edgecls.training.settings import Epoch, PhaseSettings, ResolvedTraining

BACKBONE = "backbone.tflite"
"""The name of the frozen backbone in the folder for temporary files."""


@dataclass(frozen=True)
class TrainingResult:
    """A trained network, from normalised pixels to probabilities.

    Attributes:
        network: The trained network.
        history: One entry per epoch.
        plan: What was trained, in words.
        settings: The settings that were used, with the augmentation that was chosen.
        phase: The settings of the last phase that took place.
        validation: The probabilities of the validation images, float32 (images, classes).
        trials: The settings that a hyper-parameter search tried.
    """

    network: keras.Model
    history: tuple[Epoch, ...]
    plan: str
    settings: ResolvedTraining
    phase: PhaseSettings
    validation: NDArray[np.float32]
    trials: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TrainingData:
    """The images that train and validate a network, and what else training needs.

    Attributes:
        train: The pixels of the training images.
        validation: The pixels of the validation images.
        train_classes: The class of each training image, int (n,).
        validation_classes: The class of each validation image, int (n,).
        class_weights: The weight of a training image of each class, float32 (classes,).
        test_count: The number of images on which the models will be measured.
        work: A folder for temporary files.
        started: When work on the images began, by time.perf_counter: the time budget counts from there.
    """

    backbone: Backbone
    train: PixelCache
    validation: PixelCache
    train_classes: NDArray[np.intp]
    validation_classes: NDArray[np.intp]
    class_weights: NDArray[np.float32]
    test_count: int
    work: Path
    seed: int
    progress: Progress
    started: float

    def normalize(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the normalised pixels that the backbone takes."""
        return quantize.normalize(pixels, self.backbone.mean, self.backbone.std)

    def save(self, network: keras.Model, name: str) -> Path:
        """Write `network` as a float .tflite file that takes uint8 pixels, and return its path."""
        return _save(network, self.backbone, self.work / name)


def save_backbone(backbone: Backbone, network: keras.Model, work: Path) -> Path:
    """Write the frozen network of `backbone` as a float .tflite file into `work`, once, and return its path."""
    path = work / BACKBONE
    return path if path.exists() else _save(network, backbone, path)


def _save(network: keras.Model, backbone: Backbone, path: Path) -> Path:
    path.write_bytes(quantize.to_float(network, backbone.mean, backbone.std))
    return path


def load_training_data(
    backbone: Backbone, dataset: Dataset, work: Path, seed: int, progress: Progress, *, class_weights: bool
) -> TrainingData:
    """Decode the training and validation images once, at the size that `backbone` takes."""
    started = time.perf_counter()
    train, validation = (
        cache_pixels(
            work / f"{split}.pixels",
            dataset.of(split),
            backbone.preprocessing,
            dataset.losses,
            progress,
            "caching pixels",
        )
        for split in ("train", "validation")
    )
    weights = dataset.class_weights() if class_weights else dict.fromkeys(dataset.labels, 1.0)
    return TrainingData(
        backbone,
        train,
        validation,
        classes_of(train.samples, dataset.labels),
        classes_of(validation.samples, dataset.labels),
        np.array([weights[label] for label in dataset.labels], np.float32),
        len(dataset.of("test")),
        work,
        seed,
        progress,
        started,
    )


def classes_of(samples: Sequence[Sample], labels: Sequence[str]) -> NDArray[np.intp]:
    """Return the index in `labels` of each sample's label, int (n,)."""
    indices = {label: index for index, label in enumerate(labels)}
    return np.array([indices[sample.label] for sample in samples], np.intp)
