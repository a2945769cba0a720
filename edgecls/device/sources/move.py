"""Move a file and overwrite nothing. Whatever happens on the way, it is in one of the two places."""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import xxhash

from edgecls.files import flush_folder
from edgecls.images.frame_key import DIGITS, named_by_content

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
_BLOCK = 2**20  # bytes


def move(path: str, folder: str, name: str) -> str:
    """Move the file at `path` to `name` (it may have sub-folders) in `folder`, and return where it is now.

    Where another content has that name, the new file's name gets the beginning of its digest: nothing is ever
    overwritten. Where the same content has it, that file stays, gets the time of the new one, and the new one is
    removed. Raises OSError; the file is then where it was. `folder` may lie on another file system.
    """
    target = os.path.join(folder, name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    for place in _names(path, target):
        if _is_same_file(path, place):
            with contextlib.suppress(OSError):  # it may be someone else's
                status = os.stat(path)
                os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.unlink(path)
            return place
        if os.path.lexists(place):
            continue
        try:
            _put(path, place)
        except FileExistsError:  # someone else's file came first
            continue
        return place
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)


def _names(path: str, target: str) -> Iterator[str]:
    """Yield `target`, and then names that tell the content."""
    yield target
    folder, name = os.path.split(target)
    content_digest = _digest(path)
    for digits in DIGITS:
        yield os.path.join(folder, named_by_content(name, content_digest, digits))


def _digest(path: str) -> str:
    hasher = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()


def _is_same_file(path: str, place: str) -> bool:
    """Whether a regular file of the same content is at `place`. A link there may lead to the very file at `path`."""
    try:
        status = os.lstat(place)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != os.stat(path).st_size:
        return False
    with open(path, "rb") as ours, open(place, "rb") as theirs:  # filecmp would trust the times of files
        while block := ours.read(_BLOCK):
            if block != theirs.read(_BLOCK):
                return False
    return True


def _put(path: str, target: str) -> None:
    try:
        _rename_new(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(path, target)


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


def _move_across(path: str, target: str) -> None:
    """To another file system: the copy is whole, and on the disk, before the original goes."""
    folder = os.path.dirname(target)
    part = os.path.join(folder, ".edgecls-moving")
    try:
        shutil.copyfile(path, part)
        with contextlib.suppress(OSError):  # a card or a share may have no modes
            shutil.copystat(path, part)
        _flush(part)
        _rename_new(part, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
        raise
    flush_folder(Path(folder))
    os.unlink(path)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
