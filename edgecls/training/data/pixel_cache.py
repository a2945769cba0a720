"""Model-sized pixels of the data set, decoded once and read by every later step.

Training reads an image many times: features, choice of augmentation, fine-tuning, validation, calibration, golden
examples. All of them read these pixels, which are exactly those that the device would feed. Only test images are decoded
again: they are measured from their encoded files, by the code that runs on the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, EdgeclsError
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.progress import Progress
from edgecls.training.data.disk_array import DiskArray
from edgecls.training.data.losses import Losses, reason_of
from edgecls.training.data.sample import Sample
from edgecls.training.workers import for_each

IN_MEMORY = 128 * 2**20
"""Bytes. A larger cache lies on disk, where the operating system keeps as much of it in memory as there is room for."""

Pixels = NDArray[np.uint8]


class _Array(Protocol):
    def read(self, index: Any) -> NDArray[Any]: ...

    def write(self, index: Any, value: NDArray[Any]) -> None: ...


class MemoryArray:
    """An array in memory with the methods of `DiskArray`."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._values = np.zeros(shape, np.uint8)

    def read(self, index: Any) -> Pixels:
        """Return a copy of `array[index]`."""
        return np.array(self._values[index])

    def write(self, index: Any, value: Pixels) -> None:
        """Set `array[index]` to `value`."""
        self._values[index] = value


@dataclass(frozen=True)
class PixelCache:
    """The pixels of `samples`, as the device would feed them to the network: uint8 (height, width, channels) each."""

    samples: tuple[Sample, ...]
    shape: tuple[int, int, int]
    _array: _Array
    _rows: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, numbers: Any) -> Pixels:
        """Return a copy of the pixels of one sample (height, width, channels), or of several (n, height, width, channels)."""
        return np.asarray(self._array.read(self._rows[numbers]))


def cache_pixels(
    path: Path, samples: Sequence[Sample], spec: Preprocessing, losses: Losses, progress: Progress, name: str
) -> PixelCache:
    """Decode `samples` into a cache; a large one is a file at `path`, which is deleted when the process ends.

    An image that cannot be read any more is added to `losses` and left out. Raises BadData where no image of a class
    is left, and IoFailed where the disk has no room.
    """
    shape = (spec.height, spec.width, spec.channels)
    array = _allocate(path, (len(samples), *shape))

    def decode(_: None, number: int) -> bool:
        try:
            array.write(number, load_pixels(samples[number].read(), spec))
        except EdgeclsError as error:
            losses.add(samples[number].path, reason_of(error))
            return False
        return True

    with progress.step(name, len(samples)) as advance:
        decoded = for_each(lambda: None, decode, range(len(samples)), advance)
    rows = np.flatnonzero(decoded)
    left = tuple(samples[row] for row in rows.tolist())
    for label in sorted({sample.label for sample in samples} - {sample.label for sample in left}):
        raise BadData(
            f"no image of class {label!r} can be read any more: check that the disk with the data set is still attached"
        )
    return PixelCache(left, shape, array, rows)


def _allocate(path: Path, shape: tuple[int, ...]) -> _Array:
    if np.prod(shape) <= IN_MEMORY:
        return MemoryArray(shape)
    array = DiskArray(path, shape, np.uint8)
    path.unlink()  # the disk space is freed when the process ends, even if it is killed
    return array
