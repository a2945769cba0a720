"""Read a file into a frame: its bytes, and the key that names its content."""

import contextlib
import errno
import os
import stat
from datetime import datetime, timezone
from typing import NamedTuple

from edgecls import system
from edgecls.errors import from_os_error
from edgecls.images.frame_key import file_key
from edgecls.memory import available_memory
from edgecls.records import Frame

MAX_BYTES = 256 * 2**20
"""Bytes: more than any photograph has. A file of this size is read into memory as a whole."""

_SMALL = 32 * 2**20
"""Bytes. A larger file is read only if the memory has room for it."""

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
"""The errors for a file that has been removed, renamed, or (NFS) removed by another machine."""


class FileStamp(NamedTuple):
    """The attributes of a file by which two states differ, without reading it.

    The time of the last change of the entry (ctime) cannot be set by a program: content that was replaced with its
    old time of modification (rsync -t, cp -p) is noticed, and so is a file that has become readable (chmod).
    """

    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileStamp":
        """Return the stamp of a file with this status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def file_frame(source: str, path: str, name: str, *, max_bytes: int = MAX_BYTES) -> Frame:
    """Return the frame of the file or pipe at `path`; where it cannot be read, one with `error`.

    Its key is `name` with a digest of the content, so that a file is one frame however often it is seen, and another
    frame when it has been replaced; of one larger than `max_bytes`, which is not read, `name` with its size.
    `captured_at` is the file's time of modification.
    """
    try:
        return _read(source, path, name, max_bytes, 0)[0]
    except (OSError, MemoryError) as error:
        return _unreadable(source, path, name, error)


def regular_file_frame(
    source: str, path: str, name: str, *, max_bytes: int = MAX_BYTES, by_arrival: bool = False
) -> tuple[Frame | None, FileStamp | None]:
    """Return the same, and the stamp that was read: None where it could not be read, or changed meanwhile.

    With `by_arrival` the key also holds the time of the last change of the file's entry, which tells two files apart
    that had the same name and content one after the other. There is no frame where the file is gone: whoever took it
    away meant to. Does not wait for the writer of a pipe, should one have taken the place of the file.
    """
    try:
        return _read(source, path, name, max_bytes, system.O_NONBLOCK | system.O_NOCTTY, by_arrival=by_arrival)
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno in _GONE:
            return None, None
        return _unreadable(source, path, name, error, by_arrival=by_arrival), None


def _read(
    source: str, path: str, name: str, max_bytes: int, flags: int, *, by_arrival: bool = False
) -> tuple[Frame, FileStamp | None]:
    with open(path, "rb", opener=lambda file, mode: os.open(file, mode | flags)) as file:
        status = os.fstat(file.fileno())
        max_bytes, limit = _most_bytes(status.st_size, max_bytes)
        # No more than there is, where that is known: of what is asked for memory is laid out. One byte more shows growth.
        most = status.st_size if stat.S_ISREG(status.st_mode) and status.st_size else max_bytes
        # None is what a pipe gives whose writer has written nothing.
        data = b"" if status.st_size > max_bytes else file.read(most + 1) or b""
        stamp, after = FileStamp.of(status), FileStamp.of(os.fstat(file.fileno()))
    time = _time(status.st_mtime)
    size = max(status.st_size, len(data))
    arrival = stamp.changed_ns if by_arrival else None
    if size > max_bytes:
        reason = f"is {size} bytes large: the limit ({limit}) is {max_bytes}"
        frame = Frame(source, file_key(name, f"{size} bytes", arrival), time, None, path, reason)
    else:
        frame = Frame(source, file_key(name, data, arrival), time, data, path)
    return frame, stamp if stamp == after else None


def _most_bytes(size: int, max_bytes: int) -> tuple[int, str]:
    """Return how many bytes of a file of this size may be read, and what sets that: the setting, or the memory."""
    if _SMALL < size <= max_bytes and size > (left := available_memory()).size:
        return left.size, f"what {left.limit} leaves"
    return max_bytes, "max_bytes"


def _unreadable(source: str, path: str, name: str, error: OSError | MemoryError, *, by_arrival: bool = False) -> Frame:
    if isinstance(error, OSError):
        reason = str(from_os_error(error, "cannot be read"))
    else:
        reason = "cannot be read: it does not fit into memory: allow more, or make max_bytes smaller"
    arrival = None
    if by_arrival:
        with contextlib.suppress(OSError):
            arrival = os.stat(path).st_ctime_ns
    return Frame(source, file_key(name, "unreadable", arrival), datetime.now(timezone.utc), None, path, reason)


def _time(seconds: float) -> datetime:
    """Return a file's time; the current time if no calendar has it (file systems can hold the year 33658)."""
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError):
        return datetime.now(timezone.utc)
