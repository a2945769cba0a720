"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edgecls.errors import NoInput, WriteFailed, from_os_error


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path` as `written_atomically` does."""
    with written_atomically(path) as file:
        file.write(data)


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file to write what shall be at `path`: a power cut, or an error inside, leaves the old file, never a part.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and take the name in one rename.
    Raises NoInput where the folder is missing, WriteFailed where the system refuses.
    """
    check_writable(path)
    try:
        with _replacing(path) as file:
            yield file
    except OSError as error:
        raise from_os_error(error, f"cannot write {path}") from error


def check_writable(path: Path) -> None:
    """Raise NoInput or WriteFailed if no file could be put at `path`; leaves nothing behind."""
    if not path.parent.is_dir():
        raise NoInput(f"cannot write {path}: the folder {path.parent} does not exist: create it first")
    if path.is_dir():
        raise WriteFailed(f"cannot write {path}: it is a folder: name a file")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except FileNotFoundError as error:  # /proc has folders in which no file can be made
        raise WriteFailed(f"cannot write {path}: {path.parent} takes no new files: choose another folder") from error
    except OSError as error:
        raise from_os_error(error, f"cannot write {path}") from error


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(descriptor, 0o644)  # mkstemp's 0600 would shut out the service's own user
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself is durable only once the folder is
    finally:
        os.close(folder)
