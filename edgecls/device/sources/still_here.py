"""Files that have their row, and are still where they arrived although they are to be taken away."""

import os
from collections.abc import Container
from dataclasses import replace
from typing import NamedTuple

from edgecls.images.file_frame import FileStamp
from edgecls.images.frame_key import without_arrival
from edgecls.records import Frame


class _Known(NamedTuple):
    key: str
    inode: int | None
    """None: of before the start"""
    modified_ns: int


class StillHere:
    """Tells whether a file is the one that has its row, or arrived later with the same name and content.

    The key of a file holds the time at which its entry was last changed, and that changes with its mode, its owner and its
    times: some uploads set them after the content, and people set them where a file could not be moved. As long as it
    is there, it is the frame that it was.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def recall(self, path: str, key: str, stamp: FileStamp) -> None:
        """Note what was remembered over a restart."""
        self._known[path] = _Known(key, None, stamp.modified_ns)

    def note(self, path: str, key: str, stamp: FileStamp, inode: int | None) -> None:
        """Note that the file could not be taken away, or was changed before it could be."""
        self._known[path] = _Known(key, inode if inode is not None else -1, stamp.modified_ns)

    def forget(self, path: str) -> bool:
        """Forget a file that is gone: what comes under its name is another frame. Return whether it was known."""
        return self._known.pop(path, None) is not None

    def gone(self, paths: Container[str]) -> list[str]:
        """Return those that are not among `paths`."""
        return [path for path in self._known if path not in paths]

    def same_arrival(self, frame: Frame, path: str, stamp: FileStamp, inode: int | None) -> Frame | None:
        """Return the frame with the key under which it has its row; None if it is another arrival."""
        known = self._known.get(path)
        if known is None or without_arrival(known.key) != without_arrival(frame.key):
            return None
        is_same = known.modified_ns == stamp.modified_ns if known.inode is None else known.inode == inode
        return replace(frame, key=known.key) if is_same else None


def inode_at(path: str) -> int | None:
    """Return the inode of the file; None if there is none."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def has_stamp(path: str, stamp: FileStamp) -> bool:
    """Return whether the file is still in that stamp."""
    try:
        return FileStamp.of(os.stat(path)) == stamp
    except OSError:
        return False
