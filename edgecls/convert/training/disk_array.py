"""An array that lies on disk and is mapped into memory only for the moment of an access."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class DiskArray:
    """An array of `shape` and `dtype` in a new file at `path`, zero at first; whoever gave the path removes it.

    Mapped anew for each access: pages that stay mapped would count as memory of the process, however little of them
    is in use. The operating system keeps in its cache what there is room for. Raises OSError where the disk is full.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
        self._path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        with path.open("wb") as file:
            file.truncate(self.dtype.itemsize * int(np.prod(self.shape)))

    def write(self, index: Any, value: NDArray[Any]) -> None:
        """Like `array[index] = value`. From one thread or several, if they write different places."""
        array = self._mapped("r+")
        array[index] = value
        array.flush()

    def read(self, index: Any) -> NDArray[Any]:
        """A copy of `array[index]`."""
        return np.array(self._mapped("r")[index])

    def _mapped(self, mode: Any) -> np.memmap[Any, Any]:
        return np.memmap(self._path, self.dtype, mode, shape=self.shape)
