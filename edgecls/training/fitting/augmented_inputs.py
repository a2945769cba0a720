"""Augmented views of the training images, as what the trained part of the network takes."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import Preprocessing
from edgecls.inference.runtimes import open_runtime
from edgecls.inference.runtimes.interpreter import Runtime
from edgecls.training.data.losses import Losses, load_or_substitute
from edgecls.training.data.samples import Sample
from edgecls.training.fitting.augment import Augmentation, augment
from edgecls.training.fitting.disk_array import DiskArray
from edgecls.training.fitting.timing import shortest
from edgecls.training.workers import for_each

Normalize = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Views(Protocol):
    """What an epoch shows of each image."""

    def batch(self, epoch: int, images: NDArray[np.intp]) -> NDArray[np.float32]:
        """Of the images with these numbers, a view each: float32 (images, height, width, channels)."""
        ...


class FreshViews:
    """For a network that is trained as a whole: every epoch sees new views of the pixels, made as they are needed."""

    def __init__(self, pixels: DiskArray, how: Augmentation, normalize: Normalize, seed: int) -> None:
        self._pixels, self._how, self._normalize, self._seed = pixels, how, normalize, seed

    def batch(self, epoch: int, images: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Views.batch`. The same epoch and image give the same view."""
        views = [
            augment(pixels, self._how, np.random.default_rng((self._seed, epoch, int(number))))
            for number, pixels in zip(images, self._pixels.read(images), strict=True)
        ]
        return self._normalize(np.stack(views))


class CachedViews:
    """For the upper part of a network: what the lower part makes of a few views of each image, computed once.

    In float16, which halves the space and is far more exact than the int8 to come. Epochs take the views in turn.
    """

    def __init__(self, activations: DiskArray) -> None:
        self._activations = activations

    def batch(self, epoch: int, images: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Views.batch`."""
        return self._activations.read((epoch % self._activations.shape[0], images)).astype(np.float32)


class BlankViews:
    """For measuring how long training takes, which does not depend on what is seen. `shape` is that of one input."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = tuple(shape)

    def batch(self, epoch: int, images: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002  # the interface
        """See `Views.batch`."""
        return np.zeros((len(images), *self._shape), np.float32)


def seconds_per_look(network: Path, shape: Sequence[int]) -> float:
    """In which the network in a file looks at an image of `shape`, where all cores do so: the shortest of a few."""
    runtime, image = open_runtime(network, threads=1), np.zeros(tuple(shape), np.uint8)
    return shortest(lambda: runtime.invoke(image)) / (os.cpu_count() or 1)


def keep_pixels(
    path: Path,
    samples: Sequence[Sample],
    spec: Preprocessing,
    advance: Callable[[], None],
    losses: Losses | None = None,
) -> DiskArray:
    """What the device would feed of each image: uint8 (samples, height, width, channels).

    An image that cannot be read any more goes into `losses`, and another of its label takes its place.
    """
    lost = Losses() if losses is None else losses
    kept = DiskArray(path, (len(samples), spec.height, spec.width, spec.channels), np.uint8)
    path.unlink()  # gigabytes that nobody would remove if the process were killed

    def keep(_: None, number: int) -> None:
        kept.write(number, load_or_substitute(samples, number, spec, lost))

    for_each(lambda: None, keep, range(len(samples)), advance)
    return kept


def keep_activations(
    path: Path,
    lower: Path,
    shape: Sequence[int],
    views: Sequence[Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]],
    pixels: DiskArray,
    advance: Callable[[], None],
) -> DiskArray:
    """Outputs of `shape` of the network in the file `lower` for each of `views` (number, pixels -> pixels) of `pixels`.

    float16 (views, images, *shape).
    """
    kept = DiskArray(path, (len(views), pixels.shape[0], *shape), np.float16)
    path.unlink()

    def keep(runtime: Runtime, number: int) -> None:
        image = pixels.read(number)
        for index, view in enumerate(views):
            outputs = runtime.scores(runtime.invoke(view(number, image)))
            kept.write((index, number), outputs.reshape(tuple(shape)).astype(np.float16))
        advance()

    for_each(lambda: open_runtime(lower, threads=1), keep, range(pixels.shape[0]), lambda: None)
    return kept
