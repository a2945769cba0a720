"""The files of a folder that were delivered: so that none is delivered twice, not even after a restart."""

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from edgecls.database.clock.system_clock import UNSET_BEFORE
from edgecls.images.file_frame import FileStamp
from edgecls.images.frame_key import name_in, without_arrival
from edgecls.records import Frame

if TYPE_CHECKING:
    from edgecls.database.seen_file_rows import SeenFileRows

_SECOND_NS = 10**9


class _Arrival(NamedTuple):
    """A file that has its row. `inode` is None if that was before the start, -1 if the file was replaced meanwhile."""

    key: str
    inode: int | None
    modified_ns: int


class FileMemory:
    """Knows which files were delivered, in which state, and under which key.

    `seen` is the part that survives a restart; without it, files are read again, and their keys tell that they have
    their rows. If `takes_away`, delivered files leave the folder, and the same name and content may arrive again as
    another frame. The key of a file then contains the time at which its directory entry last changed. That time also
    changes with mode, owner and times: some uploads set these after the content, and people correct them where a file
    could not be moved. Such a file keeps its key, as long as it stays in the folder.
    """

    def __init__(self, root: str, seen: "SeenFileRows | None", *, takes_away: bool) -> None:
        self._root, self._seen, self._takes_away = root, seen, takes_away
        self._delivered: dict[str, FileStamp] = {}  # by path
        self._arrivals: dict[str, _Arrival] = {}  # by path, if files are taken away: those that are still there
        self._initial: set[str] | None = None  # paths of the first scan, if files are taken away
        self._recalled = seen.take_known() if seen else None

    def recall(self, deadline: float) -> bool:
        """Read what was known before the restart, until `deadline` (`time.monotonic`). Return whether that is all.

        For a million files that takes seconds, and longer on a memory card.
        """
        for key, state in self._recalled or ():
            path, stamp = os.path.join(self._root, name_in(key)), FileStamp(*state)
            if self._takes_away:
                self._arrivals[path] = _Arrival(key, None, stamp.modified_ns)
            else:
                self._delivered[path] = stamp
            if time.monotonic() > deadline:
                return False
        return True

    def close(self) -> None:
        """End a query for what was known before the restart."""
        if self._recalled is not None:
            self._recalled.close()

    def has(self, path: str, stamp: FileStamp) -> bool:
        """Return whether the file was delivered in this state."""
        return self._delivered.get(path) == stamp

    def add(self, path: str, stamp: FileStamp) -> None:
        """Note that the file is delivered in this state."""
        self._delivered[path] = stamp

    def discard(self, path: str) -> None:
        """Note that the file is to be delivered again."""
        self._delivered.pop(path, None)

    def with_known_key(self, frame: Frame, path: str, stamp: FileStamp, inode: int | None) -> Frame:
        """Return the frame with the key of its row, if the file already has one. `inode` is None if it was replaced.

        A file of the first scan may have its row under a key without an arrival, from when files were kept.
        """
        if not self._takes_away:
            return frame
        known = self._arrivals.get(path)
        if known is not None and without_arrival(known.key) == without_arrival(frame.key):
            is_same = known.modified_ns == stamp.modified_ns if known.inode is None else known.inode == inode
            if is_same:
                return replace(frame, key=known.key)
        if known is not None:
            self._forget(path)
        if self._initial and path in self._initial:
            self._initial.discard(path)
            key = without_arrival(frame.key)
            if self._seen and self._seen.has_row(key):
                return replace(frame, key=key)
        return frame

    def keep_arrival(self, path: str, key: str, stamp: FileStamp, inode: int | None) -> None:
        """Note that the file has its row under this key and is still there although it should be taken away."""
        if self._takes_away:
            self._arrivals[path] = _Arrival(key, -1 if inode is None else inode, stamp.modified_ns)

    def remember(self, path: str, key: str, stamp: FileStamp) -> None:
        """Remember over a restart that the file has its row. Raises the errors of `SeenFileRows.remember`."""
        if self._seen and is_reliable(stamp):
            self._seen.remember(self.name(path), key, stamp)

    def remove(self, path: str) -> None:
        """Note that the file was taken away: whatever comes under its name is another frame."""
        self._delivered.pop(path, None)
        if path in self._arrivals:
            self._forget(path)

    def keep_only(self, paths: set[str], news: Iterable[str]) -> None:
        """Forget the files that are not among `paths`, all that a scan found; `news` are those not delivered yet."""
        if self._takes_away and self._initial is None:
            self._initial = set(news)
        for path in self._delivered.keys() - paths:
            del self._delivered[path]
            if self._seen and not self._takes_away:
                self._seen.forget(self.name(path))
        for path in self._arrivals.keys() - paths:
            self._forget(path)

    def name(self, path: str) -> str:
        """Return the path relative to the folder, with which the key of the file begins."""
        return path[len(self._root.rstrip(os.sep)) + 1 :]

    def _forget(self, path: str) -> None:
        del self._arrivals[path]
        if self._seen:
            self._seen.forget(self.name(path))


def is_reliable(stamp: FileStamp) -> bool:
    """Return whether any later change of the file will show in its stamp, even after a restart.

    It may not if the file system keeps whole seconds (FAT), because two changes can then bear one time; nor if the
    clock was not set, because at its next boot the board will show the same times again.
    """
    return stamp.changed_ns % _SECOND_NS != 0 and stamp.changed_ns >= UNSET_BEFORE.timestamp() * _SECOND_NS
