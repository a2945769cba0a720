"""The files of a folder that are wanted, and their state."""

import logging
import os
import stat
from collections.abc import Iterator
from fnmatch import translate
from re import compile as regular_expression

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.images.file_frame import FileStamp
from edgecls.images.image_files import (
    Exclusions,
    PassedOver,
    Reason,
    file_begins_like_image,
    has_image_name,
    is_ignored_file,
    is_ignored_folder,
)

log = logging.getLogger(__name__)

_UPLOADING: Reason = "hidden or of the system"
"""The reason that is not logged: careful uploads have a hidden name until they are complete."""

_Files = Iterator[tuple[str, FileStamp]]
_Beginnings = dict[str, tuple[FileStamp, bool]]
"""Path of a file without a suffix -> its state, and whether the file begins like an image in that state."""


class FolderScan:
    """Lists the images of a folder, by the rules of `edgecls.images.image_files`, or the files that match `patterns`.

    Opens only files without a suffix. Follows symbolic links only to files inside the folder: otherwise anyone who may
    write to it could have any file of the machine classified and saved. Files that are skipped are counted by reason,
    and logged in one line by the first scan and by each later one that finds a new reason.
    """

    def __init__(self, root: str, settings: FolderSettings) -> None:
        self._root = root
        self._recursive = settings.recursive
        self._excluded_folders = {
            os.path.abspath(os.path.join(root, folder)) for folder in (settings.done_folder, settings.failed_folder)
        }
        self._exclude = Exclusions(settings.exclude)
        self._patterns = None
        if settings.patterns is not None:
            patterns = "|".join(translate(pattern.lower()) for pattern in settings.patterns) or "(?!)"
            self._patterns = regular_expression(patterns).match
        self._passed_over = PassedOver()
        self._logged: set[Reason] = set()
        self._beginnings: _Beginnings = {}

    def everything(self) -> _Files:
        """Yield all files."""
        self._passed_over, beginnings = PassedOver(), self._beginnings
        self._beginnings = {}  # filled with the files that are still there
        yield from self._below(self._root, beginnings)
        if self._passed_over.counts.keys() - self._logged - {_UPLOADING}:
            log.info("folder %s%s", self._root, self._passed_over.not_taken())
        self._logged |= self._passed_over.counts.keys()

    def at(self, path: str) -> _Files:
        """Yield what `everything` would yield for `path`: the file itself, or the files below it."""
        inner = os.path.relpath(path, self._root)
        *folders, name = inner.split(os.sep)
        if name in {os.curdir, os.pardir} or (folders and not self._recursive):
            return
        above = [os.sep.join(folders[: count + 1]) for count in range(len(folders))]
        if any(self._reason_against_folder(folder) for folder in above):
            return
        if any(path == folder or path.startswith(folder + os.sep) for folder in self._excluded_folders):
            return
        try:
            status = os.lstat(path)
        except OSError:
            return  # gone since the event
        passed_over, self._passed_over = self._passed_over, PassedOver()  # the next scan counts what is skipped here
        if not stat.S_ISDIR(status.st_mode):
            yield from self._file(path, inner, status, self._beginnings)
        elif self._recursive and not self._reason_against_folder(inner):
            yield from self._below(path, self._beginnings)
        self._passed_over = passed_over

    def _below(self, top: str, beginnings: _Beginnings) -> _Files:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                entries = os.scandir(folder)
            except OSError:
                self._pass_over("folder that cannot be read", self._inner(folder))
                continue
            with entries:
                for entry in entries:
                    inner = self._inner(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        if not self._recursive or entry.path in self._excluded_folders:
                            continue
                        if reason := self._reason_against_folder(inner):
                            self._pass_over(reason, inner)
                        else:
                            waiting.append(entry.path)
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # gone since it was listed
                    yield from self._file(entry.path, inner, status, beginnings)

    def _inner(self, path: str) -> str:
        return path[len(self._root.rstrip(os.sep)) + 1 :]

    def _reason_against_folder(self, inner: str) -> Reason | None:
        if is_ignored_folder(os.path.basename(inner)):
            return "ignored folder"
        return "excluded folder" if self._exclude.match(inner) else None

    def _file(self, path: str, inner: str, status: os.stat_result, beginnings: _Beginnings) -> _Files:
        """Yield the file, or count it as skipped."""
        reason = self._reason_against_name(inner)
        if stat.S_ISLNK(status.st_mode) and reason in {None, "with another suffix"}:
            try:
                status = os.stat(path)
            except OSError:
                self._pass_over("dangling link", inner)
                return
            if stat.S_ISDIR(status.st_mode):
                self._pass_over("link to a folder that is not followed", inner)
                return
            if not os.path.realpath(path).startswith(os.path.realpath(self._root) + os.sep):
                self._pass_over("link that leads out of the folder", inner)
                return
        if reason is None and not stat.S_ISREG(status.st_mode):
            reason = "not a regular file"
        stamp = FileStamp.of(status)
        reason = reason or self._reason_against_content(path, stamp, beginnings)
        if reason:
            self._pass_over(reason, inner)
        else:
            yield path, stamp

    def _reason_against_name(self, inner: str) -> Reason | None:
        name = os.path.basename(inner)
        if is_ignored_file(name):
            return "hidden or of the system"
        if self._exclude.match(inner):
            return "excluded"
        if self._patterns:
            return None if self._patterns(name.lower()) else "with another name than the patterns"
        return "with another suffix" if has_image_name(name) is False else None

    def _reason_against_content(self, path: str, stamp: FileStamp, beginnings: _Beginnings) -> Reason | None:
        """Return why a file is skipped whose name does not tell what it is."""
        if self._patterns or has_image_name(os.path.basename(path)) is not None:
            return None
        before, is_image = beginnings.get(path, (None, False))
        if before != stamp:
            try:
                is_image = file_begins_like_image(path)
            except OSError:
                return "that cannot be read"
        self._beginnings[path] = stamp, is_image
        return None if is_image else "without a suffix or the first bytes of an image"

    def _pass_over(self, reason: Reason, inner: str) -> None:
        self._passed_over.add(reason, inner)
