"""Write output files: whole or not at all, without harm to what has their name.

What exists decides how it is written:

    nothing                       a new file; its mode is what the umask leaves
    a regular file                replaced in one rename; mode, owner and access control list stay. Other hard links keep the old content
    a symbolic link               what it leads to is written, in the folder where that is; the link stays
    a device, a pipe, /dev/fd/N   opened and written to, never replaced
    a file that cannot be         overwritten in place: a single file mounted into a container, a folder
    replaced, but written         that takes no new files
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from edgecls import system
from edgecls.errors import InputNotFound, IoFailed, UsageError, from_os_error

_STDOUT = 1
_MOST_LINKS = 40
"""Symbolic links in a row that Linux follows."""
_LONGEST_PREFIX = 200
"""Bytes of a file's name that its temporary file repeats: file systems allow 255, some less."""
_UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EPERM}
"""The errors by which file systems refuse what they cannot do; each has its own."""
_NOT_REPLACEABLE = {errno.EBUSY, errno.EPERM, errno.EACCES, errno.EROFS, errno.EXDEV}
"""The errors for files that can be written but not replaced: a mount point, a sticky folder, a read-only one."""


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` as `written_atomically` does."""
    with written_atomically(path) as file:
        file.write(data)


@contextlib.contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write what shall be at `path`; a power cut, or an error inside, leaves the old file, never a part.

    A device, a pipe or a descriptor (`/dev/stdout`) receives the bytes as they are written.
    Raises InputNotFound where the folder is missing, IoFailed where the system refuses. That nobody reads from stdout any more,
    BrokenPipeError, passes unchanged.
    """
    check_writable(path)
    if is_stream(path):
        with _about(path), _opened(path) as file:
            yield file
    else:
        with replaced(path) as file:
            yield file


@contextlib.contextmanager
def replaced(path: Path, *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """Yield an empty regular file, `.name` is its path, whose content becomes that of `path` when the block ends.

    It lies in the same folder, is flushed to the disk and takes the name in one rename; where `path` is a stream it lies in
    the folder for temporary files, and is copied: all of it, or IoFailed. An error inside the block removes it. Raises as `written_atomically`
    does, and FileExistsError where something is at `path` by then and not `overwrite`.
    """
    check_writable(path)
    target, to_stream = resolve_links(path), is_stream(path)
    with _about(path):
        file = _create(temporary_folder(), target, 0o600) if to_stream else _new_file(target)
        try:
            with file:
                yield file
                file.flush()
                _keep_mode(file.fileno(), target)
                _flush_to_disk(file.fileno())
            if to_stream:
                _copy(file.name, path)
            elif overwrite:
                _replace(file.name, target)
            else:
                _rename_to_free_name(file.name, target)
        finally:
            with contextlib.suppress(FileNotFoundError):  # it has its name
                os.unlink(file.name)
        flush_folder(target.parent)


def check_writable(path: Path) -> None:
    """Raise InputNotFound or IoFailed if nothing could be written to `path`; leaves nothing behind and changes nothing."""
    with _about(path):
        if is_stream(path):
            _check_stream(path)
            return
        target = resolve_links(path)
        if target.is_dir():
            raise IoFailed(f"cannot write {path}: it is a folder: name a file")
        if not target.parent.is_dir():
            raise InputNotFound(f"cannot write {path}: the folder {target.parent} does not exist: create it first")
        if target.exists():
            os.close(os.open(target, os.O_WRONLY | system.O_CLOEXEC))
        try:
            with _new_file(target) as file:
                os.unlink(file.name)
        except FileNotFoundError as error:  # /proc has folders in which no file can be made
            reason = f"{target.parent} takes no new files: choose another folder"
            raise IoFailed(f"cannot write {path}: {reason}") from error


def check_not_input(output: Path, *inputs: Path) -> None:
    """Raise UsageError if writing `output` would destroy one of `inputs`, by whatever name or link it is called."""
    for path in inputs:
        with contextlib.suppress(OSError):  # one of them is not there
            if os.path.samefile(output, path):
                raise UsageError(f"cannot write {output}: it would replace {path}, which is read: name another file")


def is_stream(path: Path) -> bool:
    """Tell whether `path` is written to as it stands, and never replaced: a device, a pipe, a socket, /dev/fd/N."""
    if _own_descriptor(path) is not None:
        return True  # even of a regular file: the shell may have opened it to append
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def resolve_links(path: Path) -> Path:
    """Return the absolute path that the links of `path` lead to, whether or not something is there."""
    return Path(os.path.realpath(path))


def temporary_folder() -> Path:
    """Return where large temporary files belong: /tmp is often kept in memory. TMPDIR has the last word."""
    on_disk = "/var/tmp"  # noqa: S108 - files with random names are made in it
    fallback = on_disk if os.access(on_disk, os.W_OK) else "/tmp"  # noqa: S108
    return Path(os.environ.get("TMPDIR") or fallback)


def flush_folder(folder: Path) -> None:
    """Make the names in `folder` durable as far as its file system can: a rename is so only once the folder is."""
    with contextlib.suppress(OSError):  # a folder may be closed to reading, and not every file system flushes one
        system.sync_folder(folder)


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except BrokenPipeError as error:
        if _own_descriptor(path) == _STDOUT:
            raise
        raise IoFailed(f"cannot write {path}: its reader has closed it: write to a file") from error
    except OSError as error:
        raise from_os_error(error, f"cannot write {path}") from error


def _new_file(target: Path) -> BinaryIO:
    """Open a new file beside `target`, or, where there can be none, in the folder for temporary files.

    One that replaces another gets that one's mode when it is complete; until then it is nobody else's.
    """
    exists = target.exists()
    try:
        return _create(target.parent, target, 0o600 if exists else 0o666)
    except OSError as error:
        if error.errno not in _NOT_REPLACEABLE or not exists:
            raise
        return _create(temporary_folder(), target, 0o600)


def _create(folder: Path, target: Path, mode: int) -> BinaryIO:
    prefix = os.fsdecode(os.fsencode(target.name)[:_LONGEST_PREFIX])
    path = folder / f".{prefix}.{secrets.token_hex(4)}"
    return open(path, "xb", opener=partial(os.open, mode=mode))


def _keep_mode(descriptor: int, target: Path) -> None:
    """Give the new file what `target` has of owner, mode and access control list, as far as its file system has them."""
    if not target.is_file():
        return
    system.copy_owner_and_mode(target, descriptor)


def _flush_to_disk(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def _replace(temporary: str, target: Path) -> None:
    try:
        os.replace(temporary, target)
    except OSError as error:
        if error.errno not in _NOT_REPLACEABLE or not target.is_file():
            raise
        _copy(temporary, target)


def _rename_to_free_name(temporary: str, target: Path) -> None:
    """Rename unless the name is taken. A hard link is made only if it is free; FAT has no links, so there it is checked."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.rename(temporary, target)


def _copy(temporary: str, path: Path) -> None:
    try:
        with open(temporary, "rb") as source, _opened(path) as out:
            shutil.copyfileobj(source, out, 1 << 20)
            out.flush()
            with contextlib.suppress(OSError):  # a pipe
                os.fsync(out.fileno())
    except BrokenPipeError as error:
        raise IoFailed(f"cannot write all of {path}: its reader has closed it: write to a file") from error


def _opened(path: Path) -> BinaryIO:
    """Open what is at `path` to write to it. Of a descriptor of this process, a copy: it keeps its place in the file."""
    own = _own_descriptor(path)
    if own is not None:
        return open(os.dup(own), "wb")
    return open(path, "wb", opener=lambda name, _: os.open(name, os.O_WRONLY | os.O_TRUNC | system.O_CLOEXEC))


def _check_stream(path: Path) -> None:
    own = _own_descriptor(path)
    if own is not None:
        if not system.is_writable(own):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    elif stat.S_ISSOCK(os.stat(path).st_mode):
        raise IoFailed(f"cannot write {path}: it is a socket, which cannot be opened: name a file")
    elif not os.access(path, os.W_OK):  # not opened: that alone would end what reads from a pipe
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _own_descriptor(path: Path) -> int | None:
    """Return N where the links of `path` lead to /proc/self/fd/N, as those of /dev/stdout and /dev/fd/N do."""
    name = os.fspath(path)
    for _ in range(_MOST_LINKS):
        name = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        if descriptor := re.fullmatch(rf"/proc/{os.getpid()}(?:/task/\d+)?/fd/(\d+)", name):
            return int(descriptor[1])
        try:
            name = os.path.join(os.path.dirname(name), os.readlink(name))
        except OSError:
            return None
    return None
