"""The folder for temporary files of a conversion, which may be gigabytes."""

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
"""A file in each folder, locked by the process that owns the folder."""


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Create a folder for temporary files and remove it afterwards; leftovers of killed conversions are removed first.

    Raises InputNotFound and IoFailed where it cannot be used.
    """
    parent = temporary_folder()
    remove_leftovers(parent)
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as folder, _held(Path(folder)):
            yield Path(folder)
    except Unavailable as error:  # raised while a model is written, without a mention of TMPDIR
        if folder not in str(error) or "TMPDIR" in str(error):
            raise
        raise Unavailable(f"{error}, or set TMPDIR to another folder") from error
    except OSError as error:
        if not _is_about(error, str(parent)):
            raise
        what = f"cannot keep temporary files in {parent} (set TMPDIR to another folder)"
        raise from_os_error(error, what) from error


def remove_leftovers(parent: Path) -> None:
    """Remove this user's folders in `parent` whose processes are gone, which is when their locks are free."""
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid == system.user_id():
                descriptor = os.open(folder / LOCK, os.O_RDWR | system.O_NOFOLLOW | system.O_CLOEXEC)
                try:
                    system.lock(descriptor)
                    shutil.rmtree(folder)
                    log.info("removed %s, left by a killed conversion", folder)
                finally:
                    os.close(descriptor)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`. It is renamed once it is held, so that the folder is never mistaken for a leftover."""
    descriptor = os.open(folder / f"{LOCK}.new", os.O_RDWR | os.O_CREAT | system.O_CLOEXEC, 0o600)
    try:
        with contextlib.suppress(OSError):  # without locks a leftover cannot be recognised, and stays
            system.lock(descriptor)
            os.rename(folder / f"{LOCK}.new", folder / LOCK)
        yield
    finally:
        os.close(descriptor)


def _is_about(error: OSError, folder: str) -> bool:
    """Return whether `error` names a file in `folder`, or reports a full disk without a file."""
    if error.filename is None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return os.fsdecode(error.filename).startswith(folder)
