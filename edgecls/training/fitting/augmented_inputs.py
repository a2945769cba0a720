"""Augmented training images, in the form that the trained part of the network takes."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecls.inference.runtimes import open_runtime
from edgecls.inference.runtimes.interpreter import Runtime
from edgecls.training.data.disk_array import DiskArray
from edgecls.training.data.pixel_cache import PixelCache
from edgecls.training.fitting.augment import Augmentation, augment
from edgecls.training.fitting.timing import shortest
from edgecls.training.workers import for_each

Normalize = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class AugmentedInputs(Protocol):
    """The inputs of the trained part of a network."""

    def batch(self, epoch: int, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return one augmented input per image: float32 (images, height, width, channels)."""
        ...


class AugmentedPixels:
    """Pixels that are augmented again in each epoch, for a network that is trained as a whole."""

    def __init__(self, pixels: PixelCache, augmentation: Augmentation, normalize: Normalize, seed: int) -> None:
        self._pixels, self._augmentation, self._normalize, self._seed = pixels, augmentation, normalize, seed

    def batch(self, epoch: int, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return one augmented input per image; the same epoch and image give the same input."""
        augmented = [
            augment(pixels, self._augmentation, np.random.default_rng((self._seed, epoch, int(number))))
            for number, pixels in zip(numbers, self._pixels.read(numbers), strict=True)
        ]
        return self._normalize(np.stack(augmented))


class CachedActivations:
    """Activations of the frozen lower part for a few variants of each image, computed once; epochs take them in turn.

    float16 halves the space and is far more precise than the int8 that follows.
    """

    def __init__(self, activations: DiskArray) -> None:
        self._activations = activations

    def batch(self, epoch: int, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return one augmented input per image."""
        return self._activations.read((epoch % self._activations.shape[0], numbers)).astype(np.float32)


class BlankInputs:
    """Zeros, to measure the time of a training step, which does not depend on the values. `shape` is that of one input."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = tuple(shape)

    def batch(self, epoch: int, numbers: NDArray[np.intp]) -> NDArray[np.float32]:  # noqa: ARG002  # the interface
        """Return one blank input per image."""
        return np.zeros((len(numbers), *self._shape), np.float32)


def seconds_per_inference(network: Path, shape: Sequence[int]) -> float:
    """Measure the network in a file: seconds per image while all cores run it, the shortest of a few runs."""
    runtime, image = open_runtime(network, threads=1), np.zeros(tuple(shape), np.uint8)
    return shortest(lambda: runtime.invoke(image)) / (os.cpu_count() or 1)


def cache_activations(
    path: Path,
    lower: Path,
    shape: Sequence[int],
    variants: Sequence[Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]],
    pixels: PixelCache,
    advance: Callable[[], None],
) -> DiskArray:
    """Compute the outputs of the network in the file `lower` for each variant of each image.

    `variants` are functions of (number, pixels) -> pixels; `shape` is that of one output. Returns float16
    (variants, images, *shape).
    """
    activations = DiskArray(path, (len(variants), len(pixels), *shape), np.float16)
    path.unlink()  # the disk space is freed when the process ends, even if it is killed

    def compute(runtime: Runtime, number: int) -> None:
        image = pixels.read(number)
        for index, variant in enumerate(variants):
            outputs = runtime.scores(runtime.invoke(variant(number, image)))
            activations.write((index, number), outputs.reshape(tuple(shape)).astype(np.float16))
        advance()

    for_each(lambda: open_runtime(lower, threads=1), compute, range(len(pixels)), lambda: None)
    return activations
