"""Lock a database and a folder against a second daemon; the kernel drops the locks when the process ends."""

import contextlib
import errno
import logging
import os
from pathlib import Path
from types import TracebackType

from edgecls import system
from edgecls.errors import BadConfig, InputNotFound, from_os_error

log = logging.getLogger(__name__)

_NOT_HERE = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EIO, errno.EACCES}
"""Errors of file systems that have no such locks (NFS refuses them on folders)."""


class Lock:
    """An flock on a folder, or on a lock file. The kernel drops it when the process ends, even by kill -9."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock."""
        self.release()

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def is_of(self, path: Path) -> bool:
        """Return whether this lock still protects the database at `path`."""
        return _is_at(_beside(path), self._descriptor)


def lock_database(path: Path) -> Lock:
    """Lock the database at `path` with a lock file beside it, which is never removed: that would be a race.

    The lock file lies beside the real file, if `path` is or contains a link. The database itself is not locked: closing
    any descriptor of it would drop the locks of SQLite. The name begins with a dot, so that `rm results.db*` leaves it.
    Raises BadConfig if another daemon has the lock, InputNotFound and IoFailed.
    """
    beside = _beside(path)
    while True:
        try:
            descriptor = _open_or_make(beside)
        except FileNotFoundError as error:
            raise InputNotFound(f"cannot create {path}: there is no folder {beside.parent}: make it first") from error
        except OSError as error:
            raise from_os_error(error, f"cannot make {beside}") from error
        lock = _held(descriptor, f"the database {path}", "give this one another database")
        if _is_at(beside, descriptor):
            return lock
        os.close(descriptor)  # removed between opening and locking it: whoever comes next would make another one


def _beside(path: Path) -> Path:
    real = Path(os.path.realpath(path))
    return real.with_name(f".{real.name}.lock")


def _open_or_make(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | system.O_CLOEXEC, 0o644)
    except PermissionError:
        return os.open(path, os.O_RDONLY | system.O_CLOEXEC)  # made by root, for `edgecls restore`
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, 0o644)  # whatever the umask of root says
    return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def lock_folder(path: Path) -> Lock | None:
    """Lock a folder of images; return None if it does not exist yet. Raises as `lock_database` does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | system.O_DIRECTORY | system.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None  # the source reports that
    except OSError as error:
        raise from_os_error(error, f"cannot look into {path}") from error
    return _held(descriptor, f"the folder {path}", "give this one another folder")


def _held(descriptor: int, what: str, instead: str) -> Lock:
    try:
        system.lock(descriptor)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BadConfig(f"another edgecls run has {what}: stop it, or {instead}") from error
    except OSError as error:
        if error.errno not in _NOT_HERE:
            os.close(descriptor)
            raise from_os_error(error, f"cannot lock {what}") from error
        log.warning("%s cannot be locked (%s): see to it that no second daemon uses it", what, error.strerror)
    return Lock(descriptor)
