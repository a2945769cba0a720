"""The file system's own word that something has happened in a folder."""

import logging
import os
import sys
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

_HALF_A_RENAME_S = 0.01
"""How long watchdog keeps the first half of a rename back, and all that comes behind it. The kernel gives the second half
with the first; but none where a file has left the folder, and by default new files then wait for half a second."""


def _keep_half_renames_back(seconds: float) -> bool:
    """Whether the watchdog that is installed, and what it has imported for this system, can be told."""
    for module, name in (
        ("inotify_move_event_grouper", "InotifyMoveEventGrouper"),
        ("inotify_buffer", "InotifyBuffer"),
    ):
        grouper = getattr(sys.modules.get(f"watchdog.observers.{module}"), name, None)
        if grouper is not None:
            grouper.delay = seconds
            return True
    return False


_keep_half_renames_back(_HALF_A_RENAME_S)

_FORGOTTEN_S = 600.0  # after which a file that was written to, and not seen to be closed, is nobody's concern

# An observer that is stopped while its thread starts calls that an error; it is none.
logging.getLogger("watchdog.observers.inotify").addFilter(lambda record: "thread is inactive" not in record.msg)


class FolderWatch(FileSystemEventHandler):
    """Collects the paths that events name, until they are taken. Events come in the observer's thread.

    Opening and reading, which we do ourselves, are not among the events that count. The folder may vanish and come
    back, and another one may take its place (a disk not mounted): see `check`.
    """

    def __init__(self, folder: str, *, recursive: bool) -> None:
        self._folder, self._recursive = folder, recursive
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None  # device and inode of the folder that is watched
        self._is_refused = False
        self.lost: str | None = None
        """why the folder is not there, or None"""
        self.lost_at: datetime | None = None
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._closed: set[str] = set()
        self._written: dict[str, float] = {}  # since its last close: when, on the monotonic clock
        self.woken = threading.Event()

    def check(self) -> bool:
        """Whether the folder is there and can be listed. Watches it if it is, and says, once each, what has changed."""
        try:
            identity = _identity(self._folder)
        except OSError as error:
            is_gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            what = f"{'is not there' if is_gone else 'cannot be read'} ({error.strerror})"
            if not self.lost:
                log.warning("%s %s: waiting for it to come back", self._folder, what)
                self.lost_at = datetime.now(timezone.utc)
            self.lost = f"{self._folder} {what}"
            self.stop()
            return False
        if self.lost:
            log.info("%s is back", self._folder)
            self.lost = self.lost_at = None
        if identity != self._identity or not self._is_alive():
            self.stop()
            self._start(identity)
        return True

    def _start(self, identity: tuple[int, int]) -> None:
        self._identity = identity
        try:
            self._observer = Observer()
            self._observer.schedule(self, self._folder, recursive=self._recursive)
            self._observer.start()
        except OSError as error:
            if not self._is_refused:
                log.warning("%s cannot be watched (%s): looking for new files from time to time", self._folder, error)
            self._is_refused = True
            self.stop()
        else:
            self._is_refused = False

    def _is_alive(self) -> bool:
        observer = self._observer
        return observer is not None and observer.is_alive() and all(one.is_alive() for one in observer.emitters)

    def stop(self) -> None:
        """Stop watching; again does nothing."""
        observer, self._observer = self._observer, None
        if observer is None:
            return
        observer.stop()  # one that could not be started may hold a thread too
        if observer.is_alive():
            observer.join()

    def take(self) -> tuple[set[str], set[str]]:
        """(all paths named since the last call, those of them that their writers have closed or moved in)."""
        with self._lock:
            changed, closed = self._changed, self._closed
            self._changed, self._closed = set(), set()
            if self._written:
                oldest = time.monotonic() - _FORGOTTEN_S
                self._written = {path: when for path, when in self._written.items() if when > oldest}
            self.woken.clear()
        return changed, closed

    def was_written(self, path: str, seconds: float) -> bool:
        """Whether the file was written to in the last `seconds`, and not closed since: its writer may be at it."""
        with self._lock:
            return time.monotonic() - self._written.get(path, float("-inf")) < seconds

    def on_closed(self, event: FileSystemEvent) -> None:
        """A writer has closed the file: it is whole."""
        self._note(event.src_path, closed=True)

    def on_modified(self, event: FileSystemEvent) -> None:
        """Written to: if it was closed before, another writer has begun. Or its mode or its times were changed."""
        if event.is_directory:
            return
        name = os.fsdecode(event.src_path)
        with self._lock:
            self._closed.discard(name)
            self._written[name] = time.monotonic()

    def on_moved(self, event: FileSystemEvent) -> None:
        """Whoever writes under another name and then renames means the file to be whole."""
        self._note(event.dest_path, closed=not event.is_directory)

    def on_created(self, event: FileSystemEvent) -> None:
        """A file in the making; a file or folder moved in from outside."""
        self._note(event.src_path)

    def on_deleted(self, event: FileSystemEvent) -> None:
        """Matters for the watched folder itself only."""
        if os.fsdecode(event.src_path) == self._folder:
            self._note(event.src_path)

    def _note(self, path: bytes | str, *, closed: bool = False) -> None:
        name = os.fsdecode(path)
        if not name:
            return  # moved to where nobody watches
        with self._lock:
            self._changed.add(name)
            if closed:
                self._closed.add(name)
                self._written.pop(name, None)
            self.woken.set()


def _identity(folder: str) -> tuple[int, int]:
    with os.scandir(folder):  # a disk that has failed still answers stat
        status = os.stat(os.path.join(folder, os.curdir))  # fails where the folder may be listed, but not entered
    return status.st_dev, status.st_ino
