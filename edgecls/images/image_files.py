"""Decide which files of a folder are images and which folders are ignored: the one rule of all commands.

Names only select: whether a file is an image is decided by its content, when it is decoded. A name without a suffix says
nothing, so the first bytes of such a file are looked at. What is not taken is counted by reason, see `PassedOver`.
"""

import os
import re
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path
from typing import Literal

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"}
    | {".pbm", ".pgm", ".ppm", ".pnm"}
    | {".avif", ".heic", ".heif", ".jp2", ".j2k"}  # most builds of OpenCV refuse them: an error names the file
)
"""File name suffixes in lower case."""

IGNORED_FOLDERS = (
    *("@eaDir", "@tmp", "@sharebin", "@sharesnap", "@Syno*", "#recycle"),  # Synology
    *("@Recycle", "@Recently-Snapshot", "@Transcode", "@__thumb", "@__desc"),  # QNAP
    "#snapshot",
    "~snapshot",  # NetApp
    *("$RECYCLE.BIN", "$Extend", "$SysReset", "$WinREAgent", "$WINDOWS.~*"),  # Windows
    "RECYCLER",
    "RECYCLED",
    "System Volume Information",
    "FOUND.[0-9][0-9][0-9]",  # chkdsk
    "lost+found",
    "LOST.DIR",  # Android
    "trashbox",  # Buffalo
    "__MACOSX",  # in archives made on macOS
    "Network Trash Folder",  # macOS on a server
    "Temporary Items",
    "__pycache__",
)
"""Folders that file servers, desktops and archivers make, as globs; case does not matter. Hidden ones are ignored too."""

IGNORED_FILES = (
    "Thumbs.db",
    "ehthumbs*.db",
    "desktop.ini",
    "*:Zone.Identifier",  # a second stream of a file of Windows, as WSL copies it
    "Icon\r",  # macOS
    "SYNO*_THUMB_*",  # Synology
    "*@Syno*",
    "*~",  # editors
)
"""Files that these make in the folders of people; hidden ones (`.DS_Store`, `._photo.jpg`) are ignored too."""

HEAD_BYTES = 64
"""The number of bytes that `begins_like_image` needs."""

Reason = Literal[
    "with another suffix",
    "with another name than the patterns",
    "without a suffix or the first bytes of an image",
    "hidden or of the system",
    "excluded",
    "not a regular file",
    "that cannot be read",
    "dangling link",
    "link to a folder that is read already",
    "link to a folder that is not followed",
    "link that leads out of the folder",
    "folder that cannot be read",
    "ignored folder",
    "excluded folder",
    "beside the class folders",
    "folder without images",
    "not in a class folder",
    "mask",
    "without a label",
    "with an unsafe name",
    "too large",
]


def _any_of(globs: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(translate(glob.lower()) for glob in globs) or "(?!)", re.DOTALL)


_IGNORED_FOLDER = _any_of(IGNORED_FOLDERS)
_IGNORED_FILE = _any_of(IGNORED_FILES)
# Downloads keep what followed in the address: photo.jpg?w=640, photo.jpg%3Fw=640, photo.jpg@1280w, photo.jpg:large
_IMAGE_NAME = re.compile(
    rf"(?:{'|'.join(map(re.escape, sorted(IMAGE_SUFFIXES, key=len, reverse=True)))})"
    r"(?:[?#&;!@%].*|:(?:large|orig|small|medium|thumb|\d+x\d+))?\Z",
    re.DOTALL,
)
# What can be the suffix of a kind of file: not the end of "img_0.25", "v1.2 final", "report.2024", "photo.jpg_large".
_SUFFIX = re.compile(r"\.(?:(?![0-9]+\Z)[a-z0-9]{1,5}|partial|\w*download|filepart)\Z")


def is_ignored_folder(name: str) -> bool:
    """Return whether a folder of this name (without its path) is never looked into."""
    return name.startswith(".") or _IGNORED_FOLDER.match(name.lower()) is not None


def is_ignored_file(name: str) -> bool:
    """Return whether a file of this name (without its path) is hidden, or made by a desktop or a file server."""
    return name.startswith(".") or _IGNORED_FILE.match(name.lower()) is not None


def has_image_name(name: str) -> bool | None:
    """Return whether a file of this name (without its path) is to be taken for an image.

    None where the name says nothing, because it has no suffix: then `begins_like_image` decides. A name that
    `is_ignored_file` knows is none of an image.
    """
    if is_ignored_file(name):
        return False
    lower = name.lower()
    if _IMAGE_NAME.search(lower):
        return True
    return False if _SUFFIX.search(lower) else None


_BEGINNINGS = re.compile(
    rb"\xff\xd8\xff"
    rb"|\x89PNG\r\n\x1a\n"
    rb"|GIF8[79]a"
    rb"|RIFF....WEBP"
    rb"|II\*\0|MM\0\*"
    rb"|....ftyp(?:avi[fs]|mif1|msf1|hei[cxms]|hev[cxms])"
    rb"|P[1-6][ \t\r\n]+(?:\d|#)"
    rb"|BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"  # the size of its second header: "BM" begins texts too
    rb"|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    re.DOTALL,
)


def begins_like_image(head: bytes) -> bool:
    """Return whether a file that begins with `head`, its first `HEAD_BYTES` or more, is of a kind of image."""
    return _BEGINNINGS.match(head) is not None


def file_begins_like_image(path: str | Path) -> bool:
    """Return whether the content of a regular file begins like an image. Raises OSError where it cannot be read."""
    with open(path, "rb", buffering=0) as file:
        return begins_like_image(file.read(HEAD_BYTES))


class Exclusions:
    """Globs of files and folders that a user does not want; case does not matter.

    A glob with a `/` is compared with the path below the folder that is read, another one with the name alone; `*`
    matches any characters. What is in a folder that matches is excluded too, as long as nobody looks into it.
    """

    def __init__(self, globs: Iterable[str] = ()) -> None:
        globs = [glob.rstrip("/") for glob in globs]
        self._of_names = _any_of(glob for glob in globs if "/" not in glob)
        paths = [glob.lstrip("/").removeprefix("./") for glob in globs if "/" in glob]
        self._of_paths = _any_of(paths) if paths else None

    def match(self, inner: str) -> bool:
        """Return whether the file or folder is excluded; `inner` is its path below the folder that is read, with `/`."""
        lower = inner.lower()
        if self._of_names.match(lower.rpartition("/")[2]):
            return True
        return self._of_paths is not None and self._of_paths.match(lower) is not None


_NO_EXCLUSIONS = Exclusions()

_NOUNS: dict[Reason, tuple[str, str]] = {
    "with another suffix": ("file without an image's name", "files without an image's name"),
    "with another name than the patterns": (
        "file whose name matches none of the patterns",
        "files whose names match none of the patterns",
    ),
    "without a suffix or the first bytes of an image": (
        "file without a suffix that is no image",
        "files without a suffix that are no images",
    ),
    "hidden or of the system": ("hidden or system file", "hidden or system files"),
    "excluded": ("excluded file", "excluded files"),
    "not a regular file": ("pipe, socket or device", "pipes, sockets or devices"),
    "that cannot be read": ("file that cannot be read", "files that cannot be read"),
    "dangling link": ("dangling link", "dangling links"),
    "link to a folder that is read already": (
        "link to a folder that is read already",
        "links to folders that are read already",
    ),
    "link to a folder that is not followed": (
        "link to a folder, which is not followed",
        "links to folders, which are not followed",
    ),
    "link that leads out of the folder": ("link that leads out of the folder", "links that lead out of the folder"),
    "folder that cannot be read": ("folder that cannot be read", "folders that cannot be read"),
    "ignored folder": ("ignored folder", "ignored folders"),
    "excluded folder": ("excluded folder", "excluded folders"),
    "beside the class folders": ("image beside the class folders", "images beside the class folders"),
    "folder without images": ("folder without images", "folders without images"),
    "not in a class folder": ("image outside a class folder", "images outside a class folder"),
    "mask": ("mask", "masks"),
    "without a label": ("image without a label", "images without a label"),
    "with an unsafe name": ("file with an unsafe name", "files with unsafe names"),
    "too large": ("file that is too large", "files that are too large"),
}


@dataclass(slots=True)
class PassedOver:
    """The files that were skipped: for each reason their number and the first one."""

    counts: dict[Reason, int] = field(default_factory=dict)
    first: dict[Reason, str] = field(default_factory=dict)

    def add(self, reason: Reason, inner: str, count: int = 1) -> None:
        """Count what was not taken; `inner` names it (or the first of `count`)."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.first[reason] = min(inner, self.first.get(reason, inner))

    def update(self, other: "PassedOver", folder: str = "") -> None:
        """Add what `other` counts; its names are below `folder`."""
        for reason, count in other.counts.items():
            self.add(reason, f"{folder}/{other.first[reason]}" if folder else other.first[reason], count)

    def not_taken(self) -> str:
        """Return the end of a line, with all reasons and the first file of each; empty where everything was taken."""
        counts = [
            f"{self.counts[reason]:,} {nouns[self.counts[reason] != 1]} "
            f"({'first: ' if self.counts[reason] > 1 else ''}{self.first[reason]})"
            for reason, nouns in _NOUNS.items()
            if reason in self.counts
        ]
        return f"; not taken: {', '.join(counts)}" if counts else ""


@dataclass(frozen=True, slots=True)
class FoundImages:
    """The images below `root`: paths relative to it, with `/`, sorted by folder and name; and what was not taken."""

    root: Path
    names: tuple[str, ...]
    passed_over: PassedOver
    empty: tuple[str, ...] = ()
    """Folders that are not ignored and hold no image, nor does a folder in them; of nested ones the outermost."""

    @property
    def paths(self) -> Iterator[Path]:
        """Yield the images' paths."""
        return (self.root / name for name in self.names)


def find_images(root: Path, exclude: Exclusions = _NO_EXCLUSIONS) -> FoundImages:
    """Find the images in the folder `root` and all folders below it.

    Links are followed, to files and to folders, but each folder is read once: under its own path where it has one below
    `root`, else under the link that comes first. Raises OSError where `root` itself cannot be read.
    """
    return _Walk(root, exclude).run()


def without_images(folders: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return those of `folders` that are above none of the files `names`, of nested ones the outermost."""
    holding = {""}
    for name in names:
        folder = name.rpartition("/")[0]
        while folder not in holding:
            holding.add(folder)
            folder = folder.rpartition("/")[0]
    return tuple(sorted(each for each in folders if each not in holding and each.rpartition("/")[0] in holding))


class _Walk:
    def __init__(self, root: Path, exclude: Exclusions) -> None:
        self._root, self._exclude = root, exclude
        self._names: list[str] = []
        self._folders: list[str] = []
        self._passed_over = PassedOver()
        self._read: set[tuple[int, int]] = set()
        self._links: deque[tuple[str, str]] = deque()
        """(path, path below the root) of links to folders, which wait until all folders themselves have been read."""

    def run(self) -> FoundImages:
        self._below(os.fspath(self._root), "")
        while self._links:
            links, self._links = sorted(self._links), deque()
            for path, inner in links:
                self._below(path, inner, links=True)
        names = sorted(self._names, key=lambda name: name.split("/"))
        return FoundImages(self._root, tuple(names), self._passed_over, without_images(self._folders, names))

    def _below(self, top: str, top_inner: str, *, links: bool = False) -> None:
        waiting = [(top, top_inner)]
        while waiting:
            folder, inner = waiting.pop()
            try:
                status = os.stat(folder)
                if links and (status.st_dev, status.st_ino) in self._read:
                    if folder == top:
                        self._passed_over.add("link to a folder that is read already", inner)
                    continue
                entries = os.scandir(folder)
            except OSError:
                if not inner:
                    raise
                self._passed_over.add("folder that cannot be read", inner)
                continue
            self._read.add((status.st_dev, status.st_ino))
            with entries:
                for entry in entries:
                    name = f"{inner}/{entry.name}" if inner else entry.name
                    if self._is_folder(entry, name):
                        waiting.append((entry.path, name))

    def _is_folder(self, entry: "os.DirEntry[str]", inner: str) -> bool:
        """Take the file in, or count it as passed over; return whether it is a folder to look into at once."""
        try:
            is_folder = entry.is_dir()
        except OSError:  # a link into a folder that is closed to us
            is_folder = False
        if is_folder:
            if is_ignored_folder(entry.name):
                self._passed_over.add("ignored folder", inner)
            elif self._exclude.match(inner):
                self._passed_over.add("excluded folder", inner)
            else:
                self._folders.append(inner)
                if not entry.is_symlink():
                    return True
                self._links.append((entry.path, inner))
        elif reason := self._reason_against(entry, inner):
            self._passed_over.add(reason, inner)
        else:
            self._names.append(inner)
        return False

    def _reason_against(self, entry: "os.DirEntry[str]", inner: str) -> Reason | None:
        if is_ignored_file(entry.name):
            return "hidden or of the system"
        if self._exclude.match(inner):
            return "excluded"
        by_name = has_image_name(entry.name)
        if entry.is_symlink() and not os.path.exists(entry.path):
            return "dangling link"
        if by_name is False:
            return "with another suffix"
        try:
            if not stat.S_ISREG(entry.stat().st_mode):
                return "not a regular file"
            if by_name is None and not file_begins_like_image(entry.path):
                return "without a suffix or the first bytes of an image"
        except OSError:
            return "that cannot be read"
        return None
