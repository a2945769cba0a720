"""Files that were readable when the data set was read, and no longer are: deleted, replaced, or on a failed disk.

A conversion reads test images for the last time after training. A file that is gone by then is named and left out; the
trained network is not lost because of it.
"""

import logging
import threading
from pathlib import Path

from edgecls.errors import EdgeclsError, from_os_error

log = logging.getLogger(__name__)

SHOWN = 5
"""The number of files that are named in a warning; further ones are only counted."""


class Losses:
    """The lost files of a data set, with the reason. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[Path, str] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def add(self, path: Path, reason: str) -> None:
        """Add a file, and log a warning unless it is known or there were many."""
        with self._lock:
            known = path in self._reasons
            self._reasons.setdefault(path, reason)
            count = len(self._reasons)
        if known or count > SHOWN + 1:
            return
        if count > SHOWN:
            log.warning("more images cannot be read any more: check that the disk with the data set is still attached")
        else:
            log.warning("%s %s: it was readable when the data set was read, and is left out from now on", path, reason)


def reason_of(error: EdgeclsError) -> str:
    """Return what is wrong with a sample whose file could not be read or decoded, without the file's name."""
    cause = error.__cause__
    return str(from_os_error(cause, "cannot be read")) if isinstance(cause, OSError) else str(error)
