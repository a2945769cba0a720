"""Events of the file system: which paths in a folder have changed."""

import logging
import os
import sys
import threading
import time
import warnings
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)

_RENAME_DELAY_S = 0.01
"""The time for which watchdog holds back the first half of a rename, and every event after it, to wait for the second half. The kernel
sends both at once, or only the first if the file left the folder. With watchdog's 0.5 s, new files would wait that long."""

_WRITE_MEMORY_S = 600.0  # after which a file that was written to and never closed is forgotten


def _set_rename_delay(seconds: float) -> bool:
    """Set the delay in the installed version of watchdog. Return whether it has one that can be set."""
    for module, name in (
        ("inotify_move_event_grouper", "InotifyMoveEventGrouper"),
        ("inotify_buffer", "InotifyBuffer"),
    ):
        grouper = getattr(sys.modules.get(f"watchdog.observers.{module}"), name, None)
        if grouper is not None:
            grouper.delay = seconds
            return True
    return False


_set_rename_delay(_RENAME_DELAY_S)

# watchdog logs an error if an observer is stopped while its thread starts, which is harmless.
logging.getLogger("watchdog.observers.inotify").addFilter(lambda record: "thread is inactive" not in record.msg)

# watchdog warns if it registers the same watch twice, which is harmless: it does so for a folder that it finds both by the
# event of its creation and by listing the new folder above it.
warnings.filterwarnings("ignore", r"Callback with id .* already exists", RuntimeWarning)


class FolderWatch(FileSystemEventHandler):
    """Collects the paths of events until `take` is called. Events come in the observer's thread.

    Events of opening and reading are ignored, because edgecls causes them itself. The folder may vanish and come back,
    and another one may take its place, as when a disk is mounted: see `check`. `lost` is the reason why the folder is
    not available, `lost_at` the time of its loss (aware, UTC); both are None while it is. `woken` is set while there are
    paths to take.
    """

    def __init__(self, folder: str, *, recursive: bool) -> None:
        self._folder, self._recursive = folder, recursive
        self._observer: BaseObserver | None = None
        self._identity: tuple[int, int] | None = None  # device and inode of the folder that is watched
        self._is_refused = False
        self.lost: str | None = None
        self.lost_at: datetime | None = None
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._closed: set[str] = set()
        self._written: dict[str, float] = {}  # files not closed since: time of the last write, by time.monotonic
        self.woken = threading.Event()

    def check(self) -> bool:
        """Return whether the folder is there and can be listed. If so, watch it. Log each change of that once."""
        try:
            identity = _identity(self._folder)
        except OSError as error:
            is_gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            problem = f"{'does not exist' if is_gone else 'cannot be read'} ({error.strerror})"
            if not self.lost:
                log.warning("folder %s %s: waiting for it to come back", self._folder, problem)
                self.lost_at = datetime.now(timezone.utc)
            self.lost = f"folder {self._folder} {problem}"
            self.stop()
            return False
        if self.lost:
            log.info("folder %s is back", self._folder)
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
                log.warning("folder %s cannot be watched (%s): scanning it regularly instead", self._folder, error)
            self._is_refused = True
            self.stop()
        else:
            self._is_refused = False

    def _is_alive(self) -> bool:
        observer = self._observer
        return observer is not None and observer.is_alive() and all(one.is_alive() for one in observer.emitters)

    def stop(self) -> None:
        """Stop watching. May be called again."""
        observer, self._observer = self._observer, None
        if observer is None:
            return
        observer.stop()  # even an observer that could not be started may hold a thread
        if observer.is_alive():
            observer.join()

    def take(self) -> tuple[set[str], set[str]]:
        """Return the paths of all events since the last call, and those that their writers closed or moved in."""
        with self._lock:
            changed, closed = self._changed, self._closed
            self._changed, self._closed = set(), set()
            if self._written:
                oldest = time.monotonic() - _WRITE_MEMORY_S
                self._written = {path: when for path, when in self._written.items() if when > oldest}
            self.woken.clear()
        return changed, closed

    def was_written(self, path: str, seconds: float) -> bool:
        """Return whether the file was written to in the last `seconds` and not closed since."""
        with self._lock:
            return time.monotonic() - self._written.get(path, float("-inf")) < seconds

    def on_closed(self, event: FileSystemEvent) -> None:
        """Note that a writer has closed the file: it is whole."""
        self._note(event.src_path, closed=True)

    def on_modified(self, event: FileSystemEvent) -> None:
        """Note that the file is written to again after its close, or that its mode or times have changed."""
        if event.is_directory:
            return
        name = os.fsdecode(event.src_path)
        with self._lock:
            self._closed.discard(name)
            self._written[name] = time.monotonic()

    def on_moved(self, event: FileSystemEvent) -> None:
        """Note that the file was renamed: a writer that does so has finished it."""
        self._note(event.dest_path, closed=not event.is_directory)

    def on_created(self, event: FileSystemEvent) -> None:
        """Note a new file, or a file or folder that was moved in from outside."""
        self._note(event.src_path)

    def on_deleted(self, event: FileSystemEvent) -> None:
        """Note that the watched folder itself was deleted. Scans notice files that are gone."""
        if os.fsdecode(event.src_path) == self._folder:
            self._note(event.src_path)

    def _note(self, path: bytes | str, *, closed: bool = False) -> None:
        name = os.fsdecode(path)
        if not name:
            return  # moved out of the watched folder
        with self._lock:
            self._changed.add(name)
            if closed:
                self._closed.add(name)
                self._written.pop(name, None)
            self.woken.set()


def _identity(folder: str) -> tuple[int, int]:
    with os.scandir(folder):  # a failed disk still answers stat
        status = os.stat(os.path.join(folder, os.curdir))  # fails if the folder can be listed but not entered
    return status.st_dev, status.st_ino
