"""An array that lies on disk and is mapped into memory only for the moment of an access."""

import errno
import mmap
import os
import shutil
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgecls import system
from edgecls.errors import from_os_error


class DiskArray:
    """An array of `shape` and `dtype` in a new file at `path`, zero at first.

    It is kept open, so whoever gave the path may remove it at once: the disk is free again when the process ends, even if
    it is killed. Mapped anew for each access: pages that stay mapped would count as memory of the process, however little of them
    is in use. The operating system keeps in its cache what there is room for. Raises IoFailed where the disk has no
    room for all of it: later, a full disk would end the process with a signal.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
        self._path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        size = self.dtype.itemsize * int(np.prod(self.shape))
        try:
            self._descriptor = _reserve(path, size)
        except OSError as error:
            where = f"{size / 1e9:,.1f} GB in {path.parent}, where training keeps images (set TMPDIR to another folder)"
            raise from_os_error(error, f"cannot reserve {where}") from error
        weakref.finalize(self, os.close, self._descriptor)

    def write(self, index: Any, value: NDArray[Any]) -> None:
        """Like `array[index] = value`. From one thread or several, if they write different places."""
        # Not flushed: what was written through one mapping is there in all others of the file at once, and nobody
        # needs the file after a power cut. Waiting for the disk would take a millisecond for every view.
        self._mapped(mmap.ACCESS_WRITE)[index] = value

    def read(self, index: Any) -> NDArray[Any]:
        """A copy of `array[index]`."""
        return np.array(self._mapped(mmap.ACCESS_READ)[index])

    def _mapped(self, access: int) -> NDArray[Any]:
        mapped: NDArray[Any] = np.ndarray(self.shape, self.dtype, mmap.mmap(self._descriptor, 0, access=access))
        return mapped


def _reserve(path: Path, size: int) -> int:
    """Make a file of `size` bytes, all of them on the disk: writing to a mapped hole of a full one is fatal."""
    if size > shutil.disk_usage(path.parent).free:  # asked to, some file systems first fill up, and then refuse
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | system.O_CLOEXEC, 0o600)
    try:
        system.reserve(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
