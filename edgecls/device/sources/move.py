"""Move a file and overwrite nothing. Whatever happens on the way, it is in one of the two places."""

import contextlib
import ctypes
import errno
import filecmp
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edgecls.files import flush_folder

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
_LONGEST_NAME = 255  # bytes


def move(path: str, folder: str, name: str) -> str:
    """Move the file at `path` to `name` (it may have sub-folders) in `folder`, and return where it is now.

    Where a file of that name exists the new one gets a number: nothing is ever overwritten. Raises OSError; the file
    is then where it was. `folder` may lie on another file system.
    """
    target = os.path.join(folder, name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        return _rename(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    return _move_across(path, target)


def numbered(target: str, number: int) -> str:
    """`target` with a number before its suffix, a-2.jpg; 0 is `target` itself. A name that gets too long is cut."""
    if not number:
        return target
    folder, name = os.path.split(os.fsencode(target))
    stem, suffix = os.path.splitext(name)
    end = f"-{number}".encode() + suffix
    return os.fsdecode(os.path.join(folder, stem[: _LONGEST_NAME - len(end)] + end))


def free_number(taken: Callable[[int], bool]) -> int:
    """A number that is not taken, by few questions: a camera may send a hundred thousand files of one name."""
    if not taken(0):
        return 0
    low, high = 0, 1
    while taken(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if taken(middle) else (low, middle)
    return high


def _rename(path: str, target: str) -> str:
    while True:
        free = numbered(target, free_number(lambda number: os.path.lexists(numbered(target, number))))
        with contextlib.suppress(FileExistsError):  # someone else's file came first
            _rename_new(path, free)
            return free


def _rename_new(path: str, target: str) -> None:
    """Rename, but not over anything; raises FileExistsError. One step, so that a cut leaves the one name or the other.

    Nothing is flushed: a rename lost in a power cut is done again, since the row is on the disk.
    """
    if _renameat2 is not None:
        if not _renameat2(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE):
            return
        number = ctypes.get_errno()
        if number not in {errno.ENOSYS, errno.EINVAL}:
            raise OSError(number, os.strerror(number), path, None, target)
    # NFS has no such rename: the name is taken with an empty file first.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC))
    try:
        os.rename(path, target)
    except BaseException:
        os.unlink(target)
        raise


def _move_across(path: str, target: str) -> str:
    """To another file system: the copy is whole, and on the disk, before the original goes."""
    if os.path.isfile(target) and filecmp.cmp(path, target, shallow=False):
        os.unlink(path)  # copied before, and cut off before this line
        return target
    folder = os.path.dirname(target)
    part = os.path.join(folder, ".edgecls-moving")
    try:
        shutil.copyfile(path, part)
        with contextlib.suppress(OSError):  # a card or a share may have no modes
            shutil.copystat(path, part)
        _flush(part)
        moved = _rename(part, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
        raise
    flush_folder(Path(folder))
    os.unlink(path)
    return moved


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
