"""One daemon a database, and one a folder: locks that end with the process, however it ends."""

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
"""What file systems that know no such locks were seen to answer (NFS refuses them on folders)."""


class Lock:
    """An flock on a folder, or on a file that is made for it; the kernel drops it when the process ends, kill -9 too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go."""
        self.release()

    def release(self) -> None:
        """Let go; again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def is_of(self, path: Path) -> bool:
        """Return whether this is still what keeps another daemon from the database at `path`."""
        return _is_at(_beside(path), self._descriptor)


def lock_database(path: Path) -> Lock:
    """Hold the database at `path` by a file beside it, which stays: to remove a lock file is a race.

    Beside the file that is meant, where `path` is or contains a link: by whatever name, it is one database. Not by
    that file itself: to close any descriptor of it would drop the locks of SQLite. The name begins with a dot, so that
    `rm results.db*` leaves it. Raises BadConfig where another daemon holds it, InputNotFound and IoFailed.
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
    """Hold a folder of images; None where it does not exist yet. Raises as `lock_database` does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | system.O_DIRECTORY | system.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None  # the source says so better
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
