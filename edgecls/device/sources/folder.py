"""A folder: the images in it at the start, then those that arrive.

Events of the file system say which paths to look at; a look at the whole folder, from time to time, finds what they
missed. Some file systems send none, a burst may lose some, and the system may have no watch left.
"""

import os
import threading
import time
from collections.abc import Generator, Iterator
from types import TracebackType

from edgecls.device.file_frame import Version, regular_file_frame
from edgecls.device.settings import FolderSettings
from edgecls.device.sources.after import After
from edgecls.device.sources.condition import Condition
from edgecls.device.sources.folder_scan import FolderScan
from edgecls.device.sources.folder_watch import FolderWatch
from edgecls.errors import NoInput
from edgecls.records import Frame

_NAP = 0.25  # seconds between looks at the stop flag
_REST = 100  # looking at the whole folder takes 1 % of the processor's time, however many files it keeps,
_LONGEST_REST = 10  # times poll_seconds: but where no events come, what arrives is found within that time
_LOST_POLL = 5.0  # seconds between looks for a folder that has vanished
_SIGN_OF_LIFE = 1.0  # seconds that looking at the folder may take without a word
_TICK_NS = 20_000_000  # file times are no finer than the kernel's tick, 1 to 10 ms


class FolderSource:
    """Yields each file once, and again when its content changes. Never drops one, never takes one half-written.

    A file is whole when its writer has closed it, or when its size and times have not changed for `settle_seconds`.
    What cannot be read is one frame with an error; it stays where it is, and is taken once it can be read.
    """

    def __init__(self, settings: FolderSettings) -> None:
        self.settings = settings
        self.name = f"folder:{settings.path}"
        self._root = os.path.abspath(settings.path)
        self._scan = FolderScan(self._root, settings)
        self._watch = FolderWatch(self._root, recursive=settings.recursive)
        self._after = After(self._root, settings)
        self._taken: dict[str, Version] = {}
        self._growing: dict[str, tuple[Version, float]] = {}
        self._unreadable: set[str] = set()
        self._in_hand: dict[str, Version] = {}  # by key: the content that a frame was made of
        self._next_look = 0.0
        self._opened_ns = 0

    def __enter__(self) -> "FolderSource":
        """Begin to watch. Raises NoInput where there is no such folder, WriteFailed where nothing may be moved."""
        if not os.path.isdir(self._root):
            raise NoInput(f"no folder at {self._root}: create it, or mend source.path in the configuration")
        self._after.check()
        self._opened_ns = time.time_ns()
        self._watch.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._watch.stop()

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """See `Source.frames`. With `until_idle` set, ends once nothing has arrived for that many seconds."""
        self._next_look = active = time.monotonic()
        while not stop.is_set():
            ready = yield from self._ready(stop)
            for path, version in ready:
                if stop.is_set():
                    return
                frame = self._read(path, version)
                if frame is not None:
                    yield frame
                    active = time.monotonic()
            if self._growing:
                active = time.monotonic()
            if self.settings.until_idle is not None and time.monotonic() - active >= self.settings.until_idle:
                return
            yield from self._sleep(stop)

    def done(self, frame: Frame, *, failed: bool = False) -> None:
        """Keep, move or delete the file, unless it has changed since it was read: then it will be another frame."""
        version = self._in_hand.pop(frame.key, None)
        if version is not None and frame.path is not None:
            self._after.put_away(frame.path, version, failed=failed)

    def condition(self) -> Condition:
        """See `Source.condition`."""
        return Condition(lost=self._watch.lost, since=self._watch.lost_at)

    def try_out(self) -> None:
        """See `Source.try_out`."""
        with self:
            pass

    def _sleep(self, stop: threading.Event) -> Iterator[None]:
        """Until an event, the next look at the folder, or the moment when a growing file may have settled.

        Meanwhile all is well.
        """
        limits = [self.settings.settle_seconds if self._growing else None, self.settings.until_idle]
        now = time.monotonic()
        deadline = min([self._next_look, *(now + seconds for seconds in limits if seconds)])
        while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
            yield None
            if self._watch.woken.wait(min(_NAP, left)):
                return

    def _read(self, path: str, version: Version) -> Frame | None:
        """The frame of a file; None if it is gone or has changed since it was found, or is as unreadable as it was."""
        age = time.time_ns() - version.changed_ns
        if 0 <= age < _TICK_NS:  # what is written after this moment bears another time
            time.sleep((_TICK_NS - age) / 1e9)
        name = os.path.relpath(path, self._root)
        frame, read = regular_file_frame(self.name, path, name, max_bytes=self.settings.max_bytes)
        if frame is None:  # forgotten: it is found again if it comes back
            return None
        if frame.error and read is None:
            known = path in self._unreadable
            self._unreadable.add(path)
            return None if known else frame
        self._unreadable.discard(path)
        if read != version:
            self._growing[path] = (version, time.monotonic())
            return None
        self._taken[path] = version
        self._in_hand[frame.key] = version
        return frame

    def _ready(self, stop: threading.Event) -> Generator[None, None, list[tuple[str, Version]]]:
        """New or changed files that are whole, oldest first."""
        changed, closed = self._watch.take()
        now = time.monotonic()
        if now >= self._next_look or self._root in changed:
            found = yield from self._look_at_everything(now, stop)
        else:
            found = {
                path: version for place in changed | self._growing.keys() for path, version in self._scan.at(place)
            }
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

    def _has_settled(self, version: Version, unchanged_for: float) -> bool:
        """As long as we look; or since before that, if its time says so.

        Later times are not compared with the clock: it may jump, as at the boot of a board that keeps no time.
        """
        settled = self.settings.settle_seconds
        return unchanged_for >= settled or self._opened_ns - version.modified_ns >= settled * 1e9

    def _look_at_everything(self, now: float, stop: threading.Event) -> Generator[None, None, dict[str, Version]]:
        """All files; a folder of a million, or one on a slow network, takes longer than a watchdog waits."""
        if not self._watch.check():
            self._next_look = now + min(self.settings.poll_seconds, _LOST_POLL)
            return {}
        begun = time.thread_time()
        found: dict[str, Version] = {}
        for path, version in self._scan.everything():
            found[path] = version
            if time.monotonic() - now > _SIGN_OF_LIFE:
                yield None
                if stop.is_set():
                    return {}
                now = time.monotonic()
        # What is gone is forgotten: files may come and go for years.
        self._taken = {path: version for path, version in self._taken.items() if path in found}
        self._unreadable &= found.keys()
        self._after.again()
        poll = self.settings.poll_seconds
        rest = min(_REST * (time.thread_time() - begun), _LONGEST_REST * poll)
        self._next_look = time.monotonic() + max(poll, rest)
        return found
