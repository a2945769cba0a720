"""Where a conversion keeps gigabytes while it works."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgecls.errors import TryAgain, from_os_error


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for temporary files, removed afterwards. Raises NoInput and WriteFailed where it cannot be used."""
    parent = _cache_folder()
    try:
        with tempfile.TemporaryDirectory(prefix="edgecls-", dir=parent) as folder:
            yield Path(folder)
    except TryAgain as error:  # a model on its way: what writes it knows nothing of TMPDIR
        if folder not in str(error) or "TMPDIR" in str(error):
            raise
        raise TryAgain(f"{error}, or set TMPDIR to another folder") from error
    except OSError as error:
        if not _is_about(error, parent):
            raise
        what = f"cannot keep temporary files in {parent} (set TMPDIR to another folder)"
        raise from_os_error(error, what) from error


def _cache_folder() -> str:
    """Where large temporary files belong: /tmp is often kept in memory. TMPDIR has the last word."""
    on_disk = "/var/tmp"  # noqa: S108 - a folder with a random name is made in it
    fallback = on_disk if os.access(on_disk, os.W_OK) else "/tmp"  # noqa: S108
    return os.environ.get("TMPDIR") or fallback


def _is_about(error: OSError, folder: str) -> bool:
    """Whether it names a file in `folder`, or none and a full disk: whatever else is written there names its file."""
    if error.filename is None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.fsdecode(error.filename).startswith(folder)
