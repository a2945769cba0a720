"""An array on disk that is mapped into memory only during an access."""

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

    The file stays open, so the caller may delete the path at once: the disk space is freed when the process ends, even if it is
    killed. It is mapped again for each access, since pages that stay mapped count as memory of the process. The operating
    system caches as much as there is room for. Raises IoFailed where the disk has no room for all of it: later, a full disk
    would end the process with a signal.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
        self._path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        size = self.dtype.itemsize * int(np.prod(self.shape))
        try:
            self._descriptor = _reserve(path, size)
        except OSError as error:
            where = f"{size / 1e9:,.1f} GB for temporary files in {path.parent} (set TMPDIR to another folder)"
            raise from_os_error(error, f"cannot reserve {where}") from error
        weakref.finalize(self, os.close, self._descriptor)

    def write(self, index: Any, value: NDArray[Any]) -> None:
        """Set `array[index]` to `value`. Several threads may write to different places."""
        # Not flushed: all mappings of the file see the value at once, and nobody needs the file after a power cut. Waiting for
        # the disk would take a millisecond per write.
        self._mapped(mmap.ACCESS_WRITE)[index] = value

    def read(self, index: Any) -> NDArray[Any]:
        """Return a copy of `array[index]`."""
        return np.array(self._mapped(mmap.ACCESS_READ)[index])

    def _mapped(self, access: int) -> NDArray[Any]:
        mapped: NDArray[Any] = np.ndarray(self.shape, self.dtype, mmap.mmap(self._descriptor, 0, access=access))
        return mapped


def _reserve(path: Path, size: int) -> int:
    """Create a file of `size` allocated bytes: writing to a mapped hole on a full disk is fatal."""
    if size > shutil.disk_usage(path.parent).free:  # some file systems fill up before they refuse
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | system.O_CLOEXEC, 0o600)
    try:
        system.reserve(descriptor, size)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
