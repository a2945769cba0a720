"""Views of an image that show the same thing: what a network sees of it in training, and never twice the same."""

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
    """What may be done to an image without changing its class.

    `mirror` (left-right), `flip` (upside down) and `turn` (a quarter) happen half of the time each; `zoom` and
    `shift` are the most by which the image is scaled and moved, as a share of its size, `tilt` the most by which it is
    turned, in degrees; `light` and `contrast` the most by which brightness and contrast are changed, as a share of the
    full range and as a factor.
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
"""photo: the world has an up and a down, seldom a left and a right. aligned: parts that lie along one line, either way
round. inspection: parts that may lie any way. digits: and letters, which mean something else in the mirror."""


def find_preset(name: str) -> Augmentation:
    """Raises UsageError for a name that is not in the table."""
    if name not in PRESETS:
        raise UsageError(f"unknown augmentation {name!r} (known: {', '.join((AUTO, *PRESETS))})")
    return PRESETS[name]


def augment(pixels: Pixels, how: Augmentation, rng: np.random.Generator) -> Pixels:
    """A view of `pixels`, uint8 (size, size, channels), of the same shape and type."""
    view = pixels
    if how.mirror and rng.random() < 0.5:
        view = view[:, ::-1]
    if how.flip and rng.random() < 0.5:
        view = view[::-1]
    if how.turn and rng.random() < 0.5 and view.shape[0] == view.shape[1]:
        view = np.rot90(view)
    if how.zoom or how.shift or how.tilt:
        view = _move(np.ascontiguousarray(view), how, rng)
    if how.light or how.contrast:
        view = _relight(view, how, rng)
    return np.ascontiguousarray(view)


def _move(view: Pixels, how: Augmentation, rng: np.random.Generator) -> Pixels:
    """Scaled and turned about the centre, and shifted; what comes in at the border is mirrored."""
    height, width = view.shape[:2]
    scale, angle = 1 + rng.uniform(-how.zoom, how.zoom), rng.uniform(-how.tilt, how.tilt)
    matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale))
    matrix[:, 2] += rng.uniform(-how.shift, how.shift, 2) * np.array([width, height])
    moved = cv2.warpAffine(view, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return moved.reshape(view.shape)  # type: ignore[return-value]  # OpenCV drops a single channel


def _relight(view: Pixels, how: Augmentation, rng: np.random.Generator) -> Pixels:
    """Brightness and contrast, about the mean of the image."""
    factor = 1 + rng.uniform(-how.contrast, how.contrast)
    shift = 255 * rng.uniform(-how.light, how.light)
    mean = float(view.mean())
    levels = np.clip((np.arange(256) - mean) * factor + mean + shift, 0, 255)
    return np.asarray(np.round(levels).astype(np.uint8)[view])
