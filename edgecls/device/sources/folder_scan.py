"""Which files a folder holds, and in which state: nothing is opened."""

import logging
import os
import stat
from collections.abc import Iterator
from fnmatch import translate
from re import compile as regular_expression

from edgecls.device.configuration.settings import FolderSettings
from edgecls.device.file_frame import Version

log = logging.getLogger(__name__)

Found = Iterator[tuple[str, Version]]


class FolderScan:
    """Finds the wanted files of a folder: regular ones, by name; hidden files and folders are not looked at.

    Symbolic links are followed to files inside the folder only: whoever may write there could show the daemon, and so
    its saved frames, any file of the machine. What is passed over is said once.
    """

    def __init__(self, root: str, settings: FolderSettings) -> None:
        self._root = root
        self._recursive = settings.recursive
        self._apart = {os.path.join(root, settings.done_folder), os.path.join(root, settings.failed_folder)}
        self._apart = {os.path.abspath(folder) for folder in self._apart}
        patterns = "|".join(translate(pattern.lower()) for pattern in settings.patterns) or "(?!)"
        self._wanted = regular_expression(patterns).match
        self._said: dict[str, str] = {}
        self._noted: dict[str, str] = {}

    def everything(self) -> Found:
        """All files."""
        self._noted = {}
        yield from self._below(self._root)
        self._said = self._noted  # what is gone may be said again when it is back

    def at(self, path: str) -> Found:
        """The file at `path`, or the files below it: what `everything` would find there."""
        inner = os.path.relpath(path, self._root)
        *folders, name = inner.split(os.sep)
        if name in {os.curdir, os.pardir} or any(part.startswith(".") for part in folders):
            return
        if (folders and not self._recursive) or any(self._is_apart(path, folder) for folder in self._apart):
            return
        try:
            status = os.lstat(path)
        except OSError:
            return  # gone since the event
        if stat.S_ISDIR(status.st_mode):
            if self._recursive and not name.startswith("."):
                yield from self._below(path)
        elif self._is_wanted(name):
            yield from self._file(path, status)

    @staticmethod
    def _is_apart(path: str, folder: str) -> bool:
        return path == folder or path.startswith(folder + os.sep)

    def _below(self, top: str) -> Found:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                entries = os.scandir(folder)
            except OSError as error:
                self._say(folder, f"cannot be listed ({error.strerror}): passed over")
                continue
            with entries:
                for entry in entries:
                    if entry.name[0] == ".":
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if self._recursive and entry.path not in self._apart:
                            waiting.append(entry.path)
                    elif self._is_wanted(entry.name):
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except OSError:
                            continue  # gone since it was listed
                        yield from self._file(entry.path, status)

    def _is_wanted(self, name: str) -> bool:
        return name[0] != "." and self._wanted(name.lower()) is not None

    def _file(self, path: str, status: os.stat_result) -> Found:
        if stat.S_ISLNK(status.st_mode):
            try:
                status = os.stat(path)
            except OSError:
                return  # leads nowhere
            if not os.path.realpath(path).startswith(os.path.realpath(self._root) + os.sep):
                self._say(path, "is a link that leads out of the folder: passed over")
                return
        if stat.S_ISREG(status.st_mode):
            yield path, Version.of(status)
        else:
            self._say(path, "is a pipe, a socket, a device or a link to a folder: passed over")

    def _say(self, path: str, what: str) -> None:
        self._noted[path] = what
        if self._said.get(path) != what:
            self._said[path] = what
            log.warning("%s %s", path, what)
