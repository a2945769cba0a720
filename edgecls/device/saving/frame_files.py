"""Store saved frames as files, one folder per day, and count their bytes."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from edgecls.errors import from_os_error
from edgecls.files import check_writable, flush_folder, write_atomically

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OURS = re.compile(r"\d{6}\.\d{3}-[\w.-]*-[0-9a-f]{16}\.jpg", re.ASCII)
_HALF_WRITTEN = re.compile(rf"\.{_OURS.pattern}\.[a-z0-9_]{{8}}", re.ASCII)


class _Found(NamedTuple):
    name: str
    size: int
    modified: float


class FrameFiles:
    """Files named DAY/NAME under `folder`; nothing else in it is counted or touched. `total`: their bytes.

    The folder is read once, here. Every file is a stray, one that belongs to no row, until it is claimed.
    `writable` makes the folder. Raises IoFailed where the system refuses.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._folder = folder
        try:
            if writable:
                _make(folder)
                check_writable(folder / "frame.jpg")
            files = sorted(_read(folder), key=lambda file: file.modified, reverse=True)
        except OSError as error:
            raise from_os_error(error, f"cannot use {folder}") from error
        self._strays = {file.name: file.modified for file in files}  # oldest last
        self.total = sum(file.size for file in files)

    def claim(self, path: str) -> bool:
        """Mark the file at the path of a row as claimed; return False if there is no such file."""
        return self._strays.pop(_name(path), None) is not None

    def write(self, name: str, data: bytes) -> Path:
        """Write a file, flushed to the disk with its name. Raises IoFailed and, of a full disk, Unavailable."""
        path = self._folder / name
        try:
            _make(path.parent)
        except OSError as error:
            raise from_os_error(error, f"cannot create {path.parent}") from error
        replaced = _size(path)
        write_atomically(path, data)
        self._strays.pop(name, None)
        self.total += len(data) - replaced
        return path

    def remove(self, path: str) -> None:
        """Remove the file of this path, as a row has it, and the folder of its day once that is empty.

        Nothing if it is gone. Raises IoFailed.
        """
        file = self._folder / _name(path)
        size = _size(file)
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, f"cannot remove {file}") from error
        self.total -= size
        with suppress(OSError):
            file.parent.rmdir()

    def remove_stray(self, before: datetime | None) -> bool:
        """Remove the oldest stray if there is one, and it was modified before `before` (None: in any case)."""
        if not self._strays:
            return False
        name = next(reversed(self._strays))
        if before is not None and self._strays[name] >= before.timestamp():
            return False
        self.remove(name)
        del self._strays[name]
        return True


def _name(path: str) -> str:
    """DAY/NAME of a path, wherever the folder was when that was written."""
    return os.path.join(*Path(path).parts[-2:])


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _make(folder: Path) -> None:
    """Make `folder` if need be; a power cut does not take it, with the files in it, away again."""
    try:
        folder.mkdir()
    except FileExistsError:
        return
    flush_folder(folder.parent)


def _read(folder: Path) -> Iterator[_Found]:
    """Yield the files; remove those that were being written when the power failed."""
    if not folder.is_dir():
        return
    for day in os.scandir(folder):
        if not _DAY.fullmatch(day.name) or not day.is_dir(follow_symlinks=False):
            continue
        for entry in os.scandir(day):
            if _HALF_WRITTEN.fullmatch(entry.name):
                os.unlink(entry)
            elif _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield _Found(os.path.join(day.name, entry.name), status.st_size, status.st_mtime)
