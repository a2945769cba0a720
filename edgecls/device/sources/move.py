"""Moving a file without overwriting another. At any moment it is in one of the two places."""

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
    """Move the file at `path` to `name`, which may contain sub-folders, in `folder`. Return its new path.

    If a file with other content has that name, the beginning of the digest is added to the name. If a file with the same
    content has it, that file gets the time of the moved one, and the moved one is deleted. `folder` may be on another
    file system. Raises OSError; then the file is where it was.
    """
    target = os.path.join(folder, name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    for place in _names(path, target):
        if _is_same_file(path, place):
            with contextlib.suppress(OSError):  # the file may belong to another user
                status = os.stat(path)
                os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.unlink(path)
            return place
        if os.path.lexists(place):
            continue
        try:
            _put(path, place)
        except FileExistsError:  # created by another program meanwhile
            continue
        return place
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)


def _names(path: str, target: str) -> Iterator[str]:
    """Yield `target`, and then names with a part of the digest of the content."""
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
    """Return whether `place` is a regular file with the same content. A link there may lead to the file at `path`."""
    try:
        status = os.lstat(place)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != os.stat(path).st_size:
        return False
    with open(path, "rb") as ours, open(place, "rb") as theirs:  # filecmp would trust the times
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
    """Rename a file unless the target exists. Raises FileExistsError.

    It is one step, so that a power cut leaves the one name or the other. It need not be flushed: if the rename is lost,
    it is repeated, because the row is on the disk.
    """
    if _renameat2 is not None:
        if not _renameat2(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE):
            return
        number = ctypes.get_errno()
        if number not in {errno.ENOSYS, errno.EINVAL}:
            raise OSError(number, os.strerror(number), path, None, target)
    # NFS lacks this call: reserve the name with an empty file first.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC))
    try:
        os.rename(path, target)
    except BaseException:
        os.unlink(target)
        raise


def _move_across(path: str, target: str) -> None:
    """Move a file to another file system. Its copy is complete and flushed before the original is deleted."""
    folder = os.path.dirname(target)
    part = os.path.join(folder, ".edgecls-moving")
    try:
        shutil.copyfile(path, part)
        with contextlib.suppress(OSError):  # a memory card or a share may not support modes
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
