"""Images in a `.zip` or `.tar`, read where they are: nothing is unpacked under a name that the archive chooses.

A zip has an index, and what is in it can be read at any time. A tar is read once from its beginning to its end; where it
is compressed, its images are kept in a temporary file without a name, which is gone with the process.
"""

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from edgecls import system
from edgecls.errors import BadData, BadImage, Unavailable, from_os_error
from edgecls.files import temporary_folder
from edgecls.images.image_files import (
    HEAD_BYTES,
    Exclusions,
    FoundImages,
    PassedOver,
    Reason,
    begins_like_image,
    has_image_name,
    is_ignored_file,
    is_ignored_folder,
    without_images,
)

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
UNREADABLE_SUFFIXES = (".7z", ".rar", ".tar.zst", ".zst", ".gz", ".bz2", ".xz", ".lz4")

MAX_MEMBER_BYTES = 512 * 1024**2
"""A larger file is not a photograph, and may exhaust the memory."""

MIN_FREE_BYTES = 1024**3
"""Left free on the disk on which the images of a compressed tar are kept."""

_COPY_BYTES = 1024**2
_UTF8 = 0x800
"""The flag of a zip's entry whose name is in UTF-8."""
_METHODS = frozenset([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
_UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""The exceptions of the archive modules for a damaged archive: seen, or found in their source."""


class Member(NamedTuple):
    """One image of an archive, by its name in `FoundImages.names`."""

    archive: Path
    name: str

    def read(self) -> bytes:
        """Return the file's content. Raises BadImage where it is damaged or not there, and the errors of opening it."""
        contents = _open(self.archive)
        if self.name not in contents.sizes:
            raise BadImage("is not in the archive")
        try:
            return contents.read(self.name)
        except _UNREADABLE as error:
            raise BadImage(f"is damaged in the archive ({_first_line(error)})") from error


class _Contents(Protocol):
    """The images of an archive: name -> bytes; what else there is; and its folders, as far as they are listed."""

    sizes: dict[str, int]
    passed_over: PassedOver
    folders: set[str]

    def read(self, name: str) -> bytes: ...


def is_archive(dataset: Path) -> bool:
    """Return whether `dataset` is an archive of files, by its name. Raises BadData for kinds that are not read."""
    name = dataset.name.lower()
    if not dataset.is_file():
        return False
    if not name.endswith(SUFFIXES) and name.endswith(UNREADABLE_SUFFIXES):
        raise BadData(f"{dataset} is an archive that edgecls does not read: unpack it, and name the folder")
    return name.endswith(SUFFIXES)


def find_archived_images(path: Path, exclude: Exclusions) -> FoundImages:
    """Find the images in an archive, as `find_images` does in a folder. Raises BadData, InputNotFound and IoFailed."""
    contents = _open(path)
    passed_over = PassedOver()
    passed_over.update(contents.passed_over)
    excluded: set[str] = set()
    names = []
    for name in contents.sizes:
        folder = next((each for each in _folders_above(name) if exclude.match(each)), None)
        if folder:
            if folder not in excluded:
                passed_over.add("excluded folder", folder)
            excluded.add(folder)
        elif exclude.match(name):
            passed_over.add("excluded", name)
        else:
            names.append(name)
    folders = [each for each in contents.folders if not any(map(exclude.match, [*_folders_above(each), each]))]
    names.sort(key=lambda name: name.split("/"))
    return FoundImages(path, tuple(names), passed_over, without_images(folders, names))


def _open(path: Path) -> _Contents:
    """Return the contents of an archive; those of the last one are remembered."""
    try:
        status = path.stat()
        return _open_version(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    except _UNREADABLE as error:
        raise BadData(f"{path} cannot be read ({_first_line(error)}): copy it again, or unpack it") from error


@lru_cache(maxsize=2)
def _open_version(path: Path, _modified: int, _size: int) -> _Contents:
    if path.name.lower().endswith(".zip"):
        return _Zip(path)
    return _Tar(path)


class _Zip:
    def __init__(self, path: Path) -> None:
        self.sizes: dict[str, int] = {}
        self._selection = _Selection(self.sizes)
        self.passed_over, self.folders = self._selection.passed_over, self._selection.folders
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._file = zipfile.ZipFile(path)  # safe for threads: each read seeks under a lock
        for entry in self._file.infolist():
            name = _zip_name(entry).replace("\\", "/")  # as some programs of Windows write it
            if entry.is_dir():
                self._selection.add_folder(name)
            elif entry.flag_bits & 1:
                raise BadData(f"{path} is encrypted: unpack it, and name the folder")
            elif entry.compress_type not in _METHODS:
                raise BadData(
                    f"{path} is compressed by a method that Python does not read ({entry.compress_type}): unpack it, "
                    "and name the folder"
                )
            elif stat.S_ISLNK(entry.external_attr >> 16):
                self.passed_over.add("not a regular file", name)
            elif selected := self._selection.select(name, entry.file_size, partial(self._head, entry)):
                self._entries[selected] = entry

    def _head(self, entry: zipfile.ZipInfo) -> bytes:
        with self._file.open(entry) as file:
            return file.read(HEAD_BYTES)

    def read(self, name: str) -> bytes:
        return self._file.read(self._entries[name])


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry, which macOS writes in UTF-8 without saying so: `zipfile` takes it for code page 437."""
    if entry.flag_bits & _UTF8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename


class _Tar:
    def __init__(self, path: Path) -> None:
        self.sizes: dict[str, int] = {}
        self._selection = _Selection(self.sizes)
        self.passed_over, self.folders = self._selection.passed_over, self._selection.folders
        self._places: dict[str, int] = {}
        links: list[tuple[str, str]] = []
        self._file: IO[bytes] = path.open("rb")
        try:
            compressed = self._file.read(263)[257:262] != b"ustar"
            if compressed:
                self._file.close()
                self._file = tempfile.TemporaryFile(dir=temporary_folder())  # noqa: SIM115 - as long as the images are read
            self._read_members(path, links, compressed=compressed)
            self._file.flush()
        except BaseException:
            self._file.close()
            raise
        self._resolve(links)
        if self._end() > os.fstat(self._file.fileno()).st_size:
            raise BadData(f"{path} is cut off: copy it again")

    def __del__(self) -> None:
        file = getattr(self, "_file", None)
        if file is not None:
            file.close()

    def _read_members(self, path: Path, links: list[tuple[str, str]], *, compressed: bool) -> None:
        with tarfile.open(path, "r|*" if compressed else "r:") as tar:
            for member in tar:
                if member.isdir():
                    self._selection.add_folder(member.name)
                elif member.islnk():
                    links.append((member.name, member.linkname))
                elif member.issym():
                    links.append((member.name, os.path.join(os.path.dirname(member.name), member.linkname)))
                elif not member.isreg() or member.issparse():
                    self.passed_over.add("not a regular file", member.name)
                elif file := tar.extractfile(member):
                    head = b""
                    if has_image_name(_safe_name(member.name).rpartition("/")[2]) is None:
                        head = file.read(HEAD_BYTES)
                    name = self._selection.select(member.name, member.size, partial(bytes, head))
                    if name:
                        self._places[name] = self._keep(head, file) if compressed else member.offset_data

    def _keep(self, head: bytes, file: IO[bytes]) -> int:
        """Copy a file behind those that are kept; return where it begins."""
        folder = temporary_folder()
        try:
            begin = self._file.seek(0, os.SEEK_END)
            self._file.write(head)
            while data := file.read(_COPY_BYTES):
                self._file.write(data)
            free = shutil.disk_usage(folder).free
        except OSError as error:
            raise from_os_error(error, f"cannot keep temporary files in {folder} (set TMPDIR to another)") from error
        if free < MIN_FREE_BYTES:
            raise Unavailable(
                f"the images take too much room in {folder}: unpack them, or set TMPDIR to another folder"
            )
        return begin

    def _end(self) -> int:
        return max((begin + self.sizes[name] for name, begin in self._places.items()), default=0)

    def _resolve(self, links: list[tuple[str, str]]) -> None:
        """Let links to images stand for these."""
        for link, target in links:
            name, meant = _safe_name(link), _safe_name(os.path.normpath(target))
            if meant in self._places and (selected := self._selection.select(name, self.sizes[meant], bytes)):
                self._places[selected] = self._places[meant]
            elif meant not in self._places:
                in_it = any(each.startswith(f"{meant}/") for each in self._places)
                self.passed_over.add("link to a folder that is read already" if in_it else "dangling link", name)

    def read(self, name: str) -> bytes:
        return system.read_at(self._file.fileno(), self.sizes[name], self._places[name])


class _Selection:
    """Decides by name, size and first bytes which files of an archive are images, and counts the others."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.passed_over = PassedOver()
        self.folders: set[str] = set()
        self._sizes = sizes
        self._ignored: set[str] = set()

    def add_folder(self, raw: str) -> None:
        """Note a folder, unless it is ignored."""
        name = _safe_name(raw)
        if name and not self._is_ignored(name):
            self.folders.add(name)

    def select(self, raw: str, size: int, head: Callable[[], bytes]) -> str | None:
        """Return the name of an image as it is shown, and note its size; None for another file, which is counted."""
        name = _safe_name(raw)
        folder = name.rpartition("/")[0]
        if not name:
            self.passed_over.add("with an unsafe name", raw)
            return None
        if folder and self._is_ignored(folder):
            return None
        if reason := _reason_against(name.rpartition("/")[2], size, head):
            self.passed_over.add(reason, name)
            return None
        self.folders.update(_folders_above(name))
        self._sizes[name] = size
        return name

    def _is_ignored(self, folder: str) -> bool:
        for each in [*_folders_above(folder), folder]:
            if is_ignored_folder(each.rpartition("/")[2]):
                if each not in self._ignored:
                    self.passed_over.add("ignored folder", each)
                self._ignored.add(each)
                return True
        return False


def _reason_against(name: str, size: int, head: Callable[[], bytes]) -> Reason | None:
    if is_ignored_file(name):
        return "hidden or of the system"
    by_name = has_image_name(name)
    if by_name is False:
        return "with another suffix"
    if size > MAX_MEMBER_BYTES:
        return "too large"
    if by_name is None and not begins_like_image(head()):
        return "without a suffix or the first bytes of an image"
    return None


def _safe_name(raw: str) -> str:
    """Return a name without `.` and without a leading `/`; empty for one that leads out of the archive."""
    parts = [part for part in raw.split("/") if part not in {"", "."}]
    return "" if ".." in parts or "\0" in raw else "/".join(parts)


def _folders_above(name: str) -> Iterator[str]:
    """Yield the folders that a file is in, the outermost first."""
    parts = name.split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth])


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
