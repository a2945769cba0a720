"""Reach what not every operating system has: the only module that imports fcntl, resource, pwd and their like.

Everything here works on Linux, macOS and Windows. Where a system lacks something, the next best thing is done, and the
docstring says what that is.
"""

import contextlib
import importlib
import os
import select
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, TextIO


def _optional(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_fcntl = _optional("fcntl")
_msvcrt = _optional("msvcrt")
_pwd = _optional("pwd")
_resource = _optional("resource")

O_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
O_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
O_NOCTTY: int = getattr(os, "O_NOCTTY", 0)
O_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
O_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
"""Flags of `os.open`; 0 where the system does not know them."""

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""The signal that ends a process with its terminal; None on Windows."""


def lock(descriptor: int) -> None:
    """Lock an open file for this process, until it is closed. The kernel releases it when the process is killed.

    Raises BlockingIOError if another process holds the lock, and OSError if the file system has no locks.
    """
    if _fcntl:
        _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
    elif _msvcrt:
        try:
            _msvcrt.locking(descriptor, _msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
    else:
        raise OSError("this system has no file locks")


def is_writable(descriptor: int) -> bool:
    """Return whether a descriptor can be written to; True where the system does not tell."""
    if _fcntl is None:
        return True
    flags: int = _fcntl.fcntl(descriptor, _fcntl.F_GETFL)
    return flags & (os.O_WRONLY | os.O_RDWR) != os.O_RDONLY


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names in `folder` durable: a rename is so only once its folder is. Raises OSError.

    Does nothing on Windows, where folders cannot be opened.
    """
    if not O_DIRECTORY:
        return
    descriptor = os.open(folder, os.O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_at(descriptor: int, size: int, offset: int) -> bytes:
    """Read `size` bytes at `offset`. Where there is no `pread`, this moves the position of the descriptor."""
    pread = getattr(os, "pread", None)
    if pread is not None:
        return bytes(pread(descriptor, size, offset))
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write `data` at `offset`. Where there is no `pwrite`, this moves the position of the descriptor."""
    pwrite = getattr(os, "pwrite", None)
    if pwrite is not None:
        pwrite(descriptor, data, offset)
    else:
        os.lseek(descriptor, offset, os.SEEK_SET)
        os.write(descriptor, data)


def open_below(root: str, path: str) -> BinaryIO:
    """Open the file at `path`, relative to `root`, to read it; no link may be part of it. Raises OSError.

    Opens folder by folder, so that a link which takes the place of a folder meanwhile is not followed. Without `O_PATH`
    (macOS, Windows) only the file itself is checked. Does not wait for the writer of a pipe.
    """
    flags = os.O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
    folder_flags = getattr(os, "O_PATH", 0)
    if not folder_flags:
        return open(os.path.join(root, path), "rb", opener=lambda name, mode: os.open(name, mode | flags))
    folder_flags |= O_DIRECTORY
    at = os.open(root, folder_flags)
    try:
        *folders, name = path.split(os.sep)
        for each in folders:
            below = os.open(each, folder_flags | O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        return open(os.open(name, flags, dir_fd=at), "rb")
    finally:
        os.close(at)


def reader_watch(stream: TextIO) -> Callable[[float], bool]:
    """Return a function that waits for seconds and returns False; at once, and True, if the reader of a pipe is gone.

    Where the system does not tell (Windows; a stream without a descriptor), it always waits.
    """

    def sleep(seconds: float) -> bool:
        time.sleep(seconds)
        return False

    new_poll = getattr(select, "poll", None)
    if new_poll is None:
        return sleep
    poll = new_poll()
    try:
        poll.register(stream.fileno(), getattr(select, "POLLERR", 0))
    except (OSError, ValueError):
        return sleep
    return lambda seconds: bool(poll.poll(seconds * 1000))


def reserve(descriptor: int, size: int) -> None:
    """Make a file `size` bytes long. Where the system can, the disk space is allocated; raises OSError if it is full."""
    fallocate = getattr(os, "posix_fallocate", None)
    if fallocate is not None:
        fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


def anonymous_file() -> int:
    """Return the descriptor of an empty file without a name, to which several threads may append.

    It is in memory on Linux, because the disk may be full or read-only; elsewhere a temporary file.
    """
    memfd_create = getattr(os, "memfd_create", None)
    if memfd_create is None:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    else:
        descriptor = memfd_create("edgecls")
    if _fcntl:
        # Without O_APPEND, threads that write to a file in memory at once overwrite each other's lines.
        _fcntl.fcntl(descriptor, _fcntl.F_SETFL, os.O_APPEND)
    return int(descriptor)


def copy_owner_and_mode(source: Path, descriptor: int) -> None:
    """Give an open file the owner, mode and extended attributes of `source`, as far as the file system has them.

    If the group cannot be set, the new group gets the rights of all others. Does nothing on Windows.
    """
    change_owner = getattr(os, "fchown", None)
    change_mode = getattr(os, "fchmod", None)
    if change_owner is None or change_mode is None:
        return
    before = source.stat()
    mode = before.st_mode & 0o777  # a file that is written to loses its set-user-ID bit
    with contextlib.suppress(OSError):
        change_owner(descriptor, before.st_uid, -1)
    try:
        change_owner(descriptor, -1, before.st_gid)
    except OSError:
        mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    with contextlib.suppress(OSError):
        change_mode(descriptor, mode)
        if sys.platform == "linux" and hasattr(os, "listxattr"):
            for name in os.listxattr(source):
                if not name.startswith("security."):
                    os.setxattr(descriptor, name, os.getxattr(source, name))


def change_owner(path: Path, user: int, group: int) -> None:
    """Change the owner of a file. Raises OSError. Does nothing on Windows."""
    chown = getattr(os, "chown", None)
    if chown is not None:
        chown(path, user, group)


def user_id() -> int:
    """Return the number of the user whose rights this process has; 0 on Windows, as `os.stat` gives for all files."""
    return int(getattr(os, "geteuid", int)())


def user_name(number: int) -> str:
    """Return the name of the user with this number, or the number where it has no name."""
    try:
        return str(_pwd.getpwuid(number).pw_name) if _pwd else os.environ.get("USERNAME", str(number))
    except KeyError:
        return str(number)


def usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def memory_limits() -> dict[str, int]:
    """Return the resource limits on memory that are set, in bytes, by the option of `ulimit`: -v (addresses), -d (data)."""
    if _resource is None:
        return {}
    limits = {"-v": _resource.getrlimit(_resource.RLIMIT_AS)[0], "-d": _resource.getrlimit(_resource.RLIMIT_DATA)[0]}
    return {option: size for option, size in limits.items() if size != _resource.RLIM_INFINITY}


def page_bytes() -> int:
    """Return the size of a page of memory, in bytes."""
    return int(getattr(_resource, "getpagesize", lambda: 4096)())


def peak_memory() -> int | None:
    """Return the most memory that this process has had so far, in bytes; None on Windows."""
    if _resource is None:
        return None
    peak: int = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, the others kilobytes


def boot_clock_ns() -> int:
    """Return the time since boot in nanoseconds, with the time asleep where the system counts that."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    read = getattr(time, "clock_gettime_ns", None)
    return time.monotonic_ns() if clock is None or read is None else int(read(clock))
