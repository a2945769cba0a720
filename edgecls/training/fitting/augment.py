"""Augmentation: random changes of an image that keep its class."""

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import UsageError
from edgecls.training.settings import AUTO

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The changes that keep the class of an image.

    Attributes:
        mirror: Mirror left-right, half of the time.
        flip: Turn upside down, half of the time.
        turn: Rotate by 90 degrees, half of the time.
        zoom: The maximum change of scale, as a share of the size.
        shift: The maximum translation, as a share of the size.
        tilt: The maximum rotation, in degrees.
        light: The maximum change of brightness, as a share of the full range.
        contrast: The maximum change of contrast, as a factor.
    """

    mirror: bool = False
    flip: bool = False
    turn: bool = False
    zoom: float = 0.0
    shift: float = 0.0
    tilt: float = 0.0
    light: float = 0.0
    contrast: float = 0.0


PRESETS: Mapping[str, Augmentation] = {
    "none": Augmentation(),
    "photo": Augmentation(mirror=True, zoom=0.15, shift=0.08, light=0.08, contrast=0.15),
    "aligned": Augmentation(mirror=True, flip=True),
    "inspection": Augmentation(mirror=True, flip=True, turn=True),
    "digits": Augmentation(zoom=0.1, shift=0.08, tilt=10.0, contrast=0.1),
}
"""photo: scenes with an up and a down, but rarely a left and a right. aligned: parts that lie along one line, either way
round. inspection: parts in any orientation. digits: digits and letters, which change their meaning when mirrored."""


def find_preset(name: str) -> Augmentation:
    """Return the preset `name`. Raises UsageError for an unknown name."""
    if name not in PRESETS:
        raise UsageError(f"unknown augmentation {name!r} (known: {', '.join((AUTO, *PRESETS))})")
    return PRESETS[name]


def augment(pixels: Pixels, augmentation: Augmentation, rng: np.random.Generator) -> Pixels:
    """Return `pixels`, uint8 (size, size, channels), randomly changed; shape and type stay."""
    changed = pixels
    if augmentation.mirror and rng.random() < 0.5:
        changed = changed[:, ::-1]
    if augmentation.flip and rng.random() < 0.5:
        changed = changed[::-1]
    if augmentation.turn and rng.random() < 0.5 and changed.shape[0] == changed.shape[1]:
        changed = np.rot90(changed)
    if augmentation.zoom or augmentation.shift or augmentation.tilt:
        changed = _move(np.ascontiguousarray(changed), augmentation, rng)
    if augmentation.light or augmentation.contrast:
        changed = _relight(changed, augmentation, rng)
    return np.ascontiguousarray(changed)


def _move(changed: Pixels, augmentation: Augmentation, rng: np.random.Generator) -> Pixels:
    """Return the pixels scaled and rotated about the centre, and shifted; the border is filled by mirroring."""
    height, width = changed.shape[:2]
    scale, angle = (
        1 + rng.uniform(-augmentation.zoom, augmentation.zoom),
        rng.uniform(-augmentation.tilt, augmentation.tilt),
    )
    matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale))
    matrix[:, 2] += rng.uniform(-augmentation.shift, augmentation.shift, 2) * np.array([width, height])
    moved = cv2.warpAffine(changed, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return moved.reshape(changed.shape)  # type: ignore[return-value]  # OpenCV drops a single channel


def _relight(changed: Pixels, augmentation: Augmentation, rng: np.random.Generator) -> Pixels:
    """Return the pixels with another brightness and contrast, about the mean of the image."""
    factor = 1 + rng.uniform(-augmentation.contrast, augmentation.contrast)
    shift = 255 * rng.uniform(-augmentation.light, augmentation.light)
    mean = float(changed.mean())
    levels = np.clip((np.arange(256) - mean) * factor + mean + shift, 0, 255)
    return np.asarray(np.round(levels).astype(np.uint8)[changed])
