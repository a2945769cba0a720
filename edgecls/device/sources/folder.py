"""A folder: the images in it at the start, then those that arrive.

The scan decides which files are new; events of the file system only say when to look again, because some file systems
send none and a burst may lose some.
"""

import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from edgecls.device.classifier import file_frame
from edgecls.device.settings import FolderSettings
from edgecls.errors import NoInput
from edgecls.records import Frame

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)
# An observer that is stopped while its thread starts calls that an error; it is none.
logging.getLogger("watchdog.observers.inotify").addFilter(lambda record: "thread is inactive" not in record.msg)

_NAP = 0.25  # seconds between looks at the stop flag


class _Version(NamedTuple):
    """What tells two states of a file apart without reading it."""

    size: int
    modified_ns: int


class FolderSource:
    """Yields each file once, and again when its content changes. Never drops one, never takes one half-written.

    A file is whole when its writer has closed it, or when its size and time have not changed for `settle_seconds`.
    """

    def __init__(self, settings: FolderSettings) -> None:
        self.settings = settings
        self.name = f"folder:{settings.path}"
        self._root = os.path.abspath(settings.path)
        self._taken: dict[str, _Version] = {}
        self._growing: dict[str, tuple[_Version, float]] = {}
        self._closed: set[str] = set()
        self._wake = threading.Event()
        self._observer: BaseObserver | None = None

    def __enter__(self) -> "FolderSource":
        """Begin to watch. Raises NoInput where there is no such folder."""
        if not os.path.isdir(self._root):
            raise NoInput(f"no folder at {self._root}: create it, or mend source.path in the configuration")
        try:
            self._observer = Observer()
            self._observer.schedule(_Waker(self), self._root, recursive=self.settings.recursive)
            self._observer.start()
        except OSError as error:
            log.warning("%s cannot be watched (%s): looking every %g s", self._root, error, self.settings.poll_seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        if self._observer is None:
            return
        self._observer.stop()  # one that could not be started may hold a thread too
        if self._observer.is_alive():
            self._observer.join()

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """See `Source.frames`. With `until_idle` set, ends once nothing has arrived for that many seconds."""
        active = time.monotonic()
        while not stop.is_set():
            for path, version in self._ready():
                if stop.is_set():
                    return
                self._taken[path] = version
                yield file_frame(self.name, path, os.path.relpath(path, self._root))
                active = time.monotonic()
            if self._growing:
                active = time.monotonic()
            if self.settings.until_idle is not None and time.monotonic() - active >= self.settings.until_idle:
                return
            yield from self._sleep(stop)

    def done(self, frame: Frame, *, failed: bool = False) -> None:
        """The file stays where it is; that it was taken is remembered, and its row is in the database."""

    def wake(self, path: str | None = None) -> None:
        """Have the folder scanned soon; `path` has just been closed by its writer. Called by the observer's thread."""
        if path is not None:
            self._closed.add(path)
        self._wake.set()

    def _sleep(self, stop: threading.Event) -> Iterator[None]:
        """Until an event, the next poll, or the moment when a growing file may have settled; meanwhile all is well."""
        seconds = self.settings.poll_seconds
        for limit in (self._growing and self.settings.settle_seconds, self.settings.until_idle):
            seconds = min(seconds, limit or seconds)
        deadline = time.monotonic() + seconds
        while not stop.is_set() and time.monotonic() < deadline:
            yield None
            if self._wake.wait(min(_NAP, seconds)):
                self._wake.clear()
                return

    def _ready(self) -> list[tuple[str, _Version]]:
        """New or changed files that are whole, oldest first."""
        closed, self._closed = self._closed, set()
        found = dict(self._scan())
        # What is gone is forgotten: files may come and go for years.
        self._taken = {path: version for path, version in self._taken.items() if path in found}
        now = time.monotonic()
        ready, growing = [], {}
        for path, version in found.items():
            if self._taken.get(path) == version:
                continue
            before, since = self._growing.get(path, (version, now))
            if before != version:
                since = now
            if path in closed or self._has_settled(version, now - since):
                ready.append((path, version))
            else:
                growing[path] = (version, since)
        self._growing = growing
        return sorted(ready, key=lambda item: item[1].modified_ns)

    def _has_settled(self, version: _Version, unchanged_for: float) -> bool:
        """By the file's own time, or where that lies in the future by ours: `unchanged_for` seconds so far."""
        age = time.time() - version.modified_ns / 1e9
        return max(age, unchanged_for) >= self.settings.settle_seconds

    def _scan(self) -> Iterator[tuple[str, _Version]]:
        for folder, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if not name.startswith(".") and self.settings.recursive]
            for name in filter(self._is_wanted, files):
                path = os.path.join(folder, name)
                try:
                    status = os.stat(path)
                except OSError:
                    continue  # gone since it was listed
                if stat.S_ISREG(status.st_mode):  # to open a pipe would wait for its writer, for ever
                    yield path, _Version(status.st_size, status.st_mtime_ns)

    def _is_wanted(self, name: str) -> bool:
        return name[0] != "." and any(fnmatch(name.lower(), pattern.lower()) for pattern in self.settings.patterns)


class _Waker(FileSystemEventHandler):
    """Passes on the events that may mean a new file. Opening and reading, which we do ourselves, are not among them."""

    def __init__(self, source: FolderSource) -> None:
        self._source = source

    def on_closed(self, event: FileSystemEvent) -> None:
        self._source.wake(os.fsdecode(event.src_path))

    def on_moved(self, event: FileSystemEvent) -> None:
        self._source.wake(os.fsdecode(event.dest_path))

    def on_created(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - the interface has it
        self._source.wake()
