"""Where a conversion keeps gigabytes while it works."""

import contextlib
import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgecls import system
from edgecls.errors import Unavailable, from_os_error
from edgecls.files import temporary_folder

log = logging.getLogger(__name__)

PREFIX = "edgecls-"
LOCK = "lock"
"""In each folder: held by the process whose folder it is."""


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for temporary files, removed afterwards; what conversions left that were killed is removed before.

    Raises InputNotFound and IoFailed where it cannot be used.
    """
    parent = temporary_folder()
    remove_leftovers(parent)
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as folder, _held(Path(folder)):
            yield Path(folder)
    except Unavailable as error:  # a model on its way: what writes it knows nothing of TMPDIR
        if folder not in str(error) or "TMPDIR" in str(error):
            raise
        raise Unavailable(f"{error}, or set TMPDIR to another folder") from error
    except OSError as error:
        if not _is_about(error, str(parent)):
            raise
        what = f"cannot keep temporary files in {parent} (set TMPDIR to another folder)"
        raise from_os_error(error, what) from error


def remove_leftovers(parent: Path) -> None:
    """Remove the folders in `parent` of this user's conversions whose processes are gone: their locks are free."""
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == system.user_id():
                descriptor = os.open(folder / LOCK, os.O_RDWR | system.O_NOFOLLOW | system.O_CLOEXEC)
                try:
                    system.lock(descriptor)
                    shutil.rmtree(folder)
                    log.info("removed %s, which a killed conversion had left", folder)
                finally:
                    os.close(descriptor)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`. It gets its name once it is held, so that nobody takes the folder for a leftover."""
    descriptor = os.open(folder / f"{LOCK}.new", os.O_RDWR | os.O_CREAT | system.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: then nobody can tell, and it stays
            system.lock(descriptor)
            os.rename(folder / f"{LOCK}.new", folder / LOCK)
        yield
    finally:
        os.close(descriptor)


def _is_about(error: OSError, folder: str) -> bool:
    """Whether it names a file in `folder`, or none and a full disk: whatever else is written there names its file."""
    if error.filename is None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.fsdecode(error.filename).startswith(folder)
