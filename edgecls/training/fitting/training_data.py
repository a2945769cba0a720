"""What there is to train on, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.progress import Progress
from edgecls.training.backbones import Backbone
from edgecls.training.data.dataset import Dataset
from edgecls.training.data.losses import Losses
from edgecls.training.data.samples import Sample
from edgecls.training.quantization import quantize
from edgecls.training.settings import Epoch, Training

BACKBONE = "backbone.tflite"
"""Frozen, in the folder for caches."""


@dataclass(frozen=True)
class TrainingResult:
    """`network`: normalised pixels -> probabilities. `validation`: its probabilities, float32 (images, classes).

    `plan` says in words what was trained, `augmentation` names the preset that was used, `trials` are those of a search.
    `training` is how the last phase was trained, `of_head` how the head was, with nothing left open.
    """

    network: keras.Model
    history: tuple[Epoch, ...]
    plan: str
    augmentation: str
    validation: NDArray[np.float32]
    training: Training
    of_head: Training
    trials: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TrainingData:
    """What there is to train on. `images` train, `held_out` validate; `classes` and `truth` are theirs, int (n,).

    `tested` is how many images the models will be measured on.

    `weights`, float32 (classes,), are those of a training image of each class; `work` is a folder for caches.
    `losses` takes in the images that cannot be read any more.
    """

    backbone: Backbone
    images: Sequence[Sample]
    held_out: Sequence[Sample]
    classes: NDArray[np.intp]
    truth: NDArray[np.intp]
    tested: int
    weights: NDArray[np.float32]
    work: Path
    seed: int
    progress: Progress
    losses: Losses = field(default_factory=Losses)

    def normalize(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the backbone takes."""
        return quantize.normalize(pixels, self.backbone.mean, self.backbone.std)

    def save(self, network: keras.Model, name: str) -> Path:
        """As a float .tflite that takes pixels."""
        file = self.work / name
        file.write_bytes(quantize.to_float(network, self.backbone.mean, self.backbone.std))
        return file


def make_task(
    backbone: Backbone, data: Dataset, training: Training, work: Path, seed: int, progress: Progress
) -> TrainingData:
    """Of the `train` and `validation` samples of a data set."""
    images, held_out = data.of("train"), data.of("validation")
    places = {label: index for index, label in enumerate(data.labels)}
    weights = data.class_weights() if training.class_weights else dict.fromkeys(data.labels, 1.0)
    return TrainingData(
        backbone,
        images,
        held_out,
        np.array([places[sample.label] for sample in images], np.intp),
        np.array([places[sample.label] for sample in held_out], np.intp),
        len(data.of("test")),
        np.array([weights[label] for label in data.labels], np.float32),
        work,
        seed,
        progress,
        data.losses,
    )
