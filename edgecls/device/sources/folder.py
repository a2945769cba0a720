"""A folder: the images in it at the start, then those that arrive.

Events of the file system say which paths to look at; a look at the whole folder, from time to time, finds what they
missed. Some file systems send none, a burst may lose some, and the system may have no watch left.
"""

import os
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple

from edgecls.device.configuration.settings import FolderSettings
from edgecls.device.sources.file_disposition import FileDisposition
from edgecls.device.sources.folder_scan import FolderScan
from edgecls.device.sources.folder_watch import FolderWatch
from edgecls.device.sources.incomplete import IncompleteFiles
from edgecls.device.sources.seen_files import NOTHING_SEEN, SeenFiles, tells_changes
from edgecls.device.sources.status import SourceStatus
from edgecls.device.sources.still_here import StillHere, has_stamp, inode_at
from edgecls.errors import InputNotFound, from_os_error
from edgecls.images.file_frame import FileStamp, regular_file_frame
from edgecls.images.frame_key import name_in, without_arrival
from edgecls.records import Frame

_NAP = 0.25  # seconds between looks at the stop flag
_REST = 200  # looking at the whole folder takes 0.5 % of the processor's time, however many files it keeps,
_LONGEST_REST = 10  # times poll_seconds: but where no events come, what arrives is found within that time
_LOST_POLL = 5.0  # seconds between looks for a folder that has vanished
_SIGN_OF_LIFE = 1.0  # seconds that looking at the folder may take without a word
_TICK_NS = 20_000_000  # file times are no finer than the kernel's tick, 1 to 10 ms


class _InHand(NamedTuple):
    """What a frame was made of."""

    stamp: FileStamp
    was_young: bool
    inode: int | None
    """None where files stay, or where it was replaced meanwhile"""


class FolderSource:
    """Yields each file once, and again when its content changes. Never drops one, never takes one half-written.

    A file is whole when its writer has closed it, or when its size and times have not changed for `settle_seconds`; but
    an image whose end is missing waits for `incomplete_seconds`. What cannot be read is one frame with an error; it
    stays where it is, and is taken once it can be read. Where files stay, those that `seen` knows, in the state that it
    knows, are not read at all. Where files are taken away, the same content arriving again is another frame.
    """

    def __init__(self, settings: FolderSettings) -> None:
        self.settings = settings
        self.name = f"folder:{settings.path}"
        self._root = os.path.abspath(settings.path)
        self._scan = FolderScan(self._root, settings)
        self._watch = FolderWatch(self._root, recursive=settings.recursive)
        self._disposition = FileDisposition(self._root, settings)
        self.seen: SeenFiles = NOTHING_SEEN
        """to be set before the first frame; what it knows is asked for then, what is done is told to it"""
        self._takes_away = settings.after != "keep"
        self._taken: dict[str, FileStamp] = {}
        self._growing: dict[str, tuple[FileStamp, float]] = {}
        self._incomplete = IncompleteFiles(settings.incomplete_seconds)
        self._still_here = StillHere()
        self._backlog: set[str] | None = None  # what the first look has found, where files are taken away
        self._unreadable: set[str] = set()
        self._in_hand: dict[str, _InHand] = {}  # by key
        self._next_look = 0.0
        self._opened_ns = 0

    def __enter__(self) -> "FolderSource":
        """Begin to watch.

        Raises InputNotFound where there is no such folder, IoFailed where it may not be read, or nothing may be moved.
        """
        self.probe()
        self._disposition.make_folders()
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
        yield from self._recall()
        while not stop.is_set():
            ready = yield from self._ready(stop)
            for path, stamp in ready:
                if stop.is_set():
                    return
                frame = self._read(path, stamp)
                if frame is not None:
                    yield frame
                    active = time.monotonic()
            if self._growing or len(self._incomplete):
                active = time.monotonic()
            if self.settings.until_idle is not None and time.monotonic() - active >= self.settings.until_idle:
                return
            yield from self._sleep(stop)

    def _recall(self) -> Iterator[None]:
        """Recall what had its row before: of a million files that takes seconds, on a memory card more."""
        last = time.monotonic()
        for key, state in self.seen.take_known():
            path = os.path.join(self._root, name_in(key))
            if self._takes_away:
                self._still_here.recall(path, key, FileStamp(*state))
            else:
                self._taken[path] = FileStamp(*state)
            if time.monotonic() - last > _SIGN_OF_LIFE:
                yield None
                last = time.monotonic()

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """Keep, move or delete the file, unless it has changed since it was read: then it will be another frame."""
        in_hand, path = self._in_hand.pop(frame.key, None), frame.path
        if in_hand is None or path is None:
            return
        stamp = in_hand.stamp
        if in_hand.was_young and not self._is_unchanged(frame, path, stamp):
            return
        if self._is_written_again(path, stamp):
            self._keep_as_known(frame, path, in_hand)
            self._is_growing(path, stamp)
            return
        if self._disposition.dispose(path, stamp, failed=failed):
            self._is_away(path)
            return
        self._keep_as_known(frame, path, in_hand)
        if self._takes_away and not has_stamp(path, stamp):
            self._is_growing(path, stamp)
        if tells_changes(stamp):
            self.seen.remember(self._name(path), frame.key, stamp)

    def _keep_as_known(self, frame: Frame, path: str, in_hand: "_InHand") -> None:
        """Its row is committed, and it is still here: with another mode or other times it is no other arrival."""
        if self._takes_away:
            self._still_here.note(path, frame.key, in_hand.stamp, in_hand.inode)

    def _is_away(self, path: str) -> None:
        """What comes under this name from now on is another frame, whatever it holds."""
        self._taken.pop(path, None)
        if self._still_here.forget(path):
            self.seen.forget(self._name(path))

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        return SourceStatus(lost=self._watch.lost, since=self._watch.lost_at)

    def probe(self) -> None:
        """See `Source.probe`."""
        try:
            with os.scandir(self._root):
                os.stat(os.path.join(self._root, os.curdir))  # a folder that may be listed may still not be entered
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputNotFound(
                f"no folder at {self._root}: create it, or mend source.path in the configuration"
            ) from error
        except OSError as error:
            raise from_os_error(error, f"cannot read the folder {self._root}") from error
        self._disposition.check()

    def _sleep(self, stop: threading.Event) -> Iterator[None]:
        """Until an event, the next look at the folder, or the moment when a growing file may have settled.

        Meanwhile all is well.
        """
        limits = [
            self.settings.settle_seconds if self._growing else None,
            self.settings.incomplete_seconds if len(self._incomplete) else None,
            self.settings.until_idle,
        ]
        now = time.monotonic()
        deadline = min([self._next_look, *(now + seconds for seconds in limits if seconds)])
        while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
            yield None
            if self._watch.woken.wait(min(_NAP, left)):
                return

    def _read(self, path: str, stamp: FileStamp) -> Frame | None:
        """Return the frame of a file.

        None if it is gone or has changed since it was found, is as unreadable as it was, or waits for its end.
        """
        is_young = _left_of_tick(stamp) > 0
        inode = inode_at(path) if self._takes_away else None
        frame, read = self._frame(path)
        if frame is None:  # forgotten: it is found again if it comes back
            return None
        if frame.error and read is None:
            known = path in self._unreadable
            self._unreadable.add(path)
            return None if known else frame
        self._unreadable.discard(path)
        if read != stamp:
            self._growing[path] = (stamp, time.monotonic())
            return None
        if self._incomplete.must_wait(path, stamp, frame.image):
            return None
        if self._takes_away:
            inode = inode if inode == inode_at(path) else None  # None: it was replaced while it was read
            frame = self._as_known(frame, path, stamp, inode)
        self._taken[path] = stamp
        self._in_hand[frame.key] = _InHand(stamp, is_young, inode)
        return frame

    def _as_known(self, frame: Frame, path: str, stamp: FileStamp, inode: int | None) -> Frame:
        """Return the frame with the key under which it has its row already, if it has one.

        Of files that are there at the start the key without an arrival counts too: they may have been kept until now.
        """
        same = self._still_here.same_arrival(frame, path, stamp, inode)
        if same is None and self._still_here.forget(path):
            self.seen.forget(self._name(path))
        if same is None and self._backlog and path in self._backlog:
            self._backlog.discard(path)
            key = without_arrival(frame.key)
            same = replace(frame, key=key) if self.seen.has_row(key) else None
        return same or frame

    def _frame(self, path: str) -> tuple[Frame | None, FileStamp | None]:
        return regular_file_frame(
            self.name, path, self._name(path), max_bytes=self.settings.max_bytes, by_arrival=self._takes_away
        )

    def _is_unchanged(self, frame: Frame, path: str, stamp: FileStamp) -> bool:
        """Whether a file that was read young still has that content: in the same tick it may have got other.

        Its times cannot tell. That is found out here, after the row and before the file is put away, so that nobody
        waits for the tick to end.
        """
        time.sleep(_left_of_tick(stamp))  # what is written after this moment bears another time
        again, read = self._frame(path)
        if again is None or without_arrival(again.key) == without_arrival(frame.key) or read != stamp:
            return True  # or it is gone, or another stamp by now, as its times do tell
        self._is_growing(path, stamp)
        return False

    def _is_written_again(self, path: str, stamp: FileStamp) -> bool:
        """Whether another writer has begun just after the close, and may be pausing.

        The event alone may tell of a change of mode or owner; then the time of modification is an old one.
        """
        settle = self.settings.settle_seconds
        return self._watch.was_written(path, settle) and abs(time.time() - stamp.modified_ns / 1e9) < settle

    def _is_growing(self, path: str, stamp: FileStamp) -> None:
        """What was taken for whole is not: it is looked at again."""
        self._taken.pop(path, None)
        self._growing[path] = (stamp, time.monotonic())

    def _name(self, path: str) -> str:
        """Of a file, by which its key begins: relative to the folder."""
        return path[len(self._root.rstrip(os.sep)) + 1 :]

    def _ready(self, stop: threading.Event) -> Generator[None, None, list[tuple[str, FileStamp]]]:
        """New or changed files that are whole, oldest first."""
        changed, closed = self._watch.take()
        now = time.monotonic()
        if now >= self._next_look or self._root in changed:
            found = yield from self._look_at_everything(now, stop)
        else:
            found = {
                path: stamp
                for place in {*changed, *self._growing, *self._incomplete}
                for path, stamp in self._scan.at(place)
            }
            self._incomplete.keep(found)
        ready, growing = [], {}
        for path, stamp in found.items():
            if self._taken.get(path) == stamp or self._incomplete.is_waiting(path, stamp):
                continue
            before, since = self._growing.get(path, (stamp, now))
            if before != stamp:
                since = now
            if path in closed or self._has_settled(stamp, now - since):
                ready.append((path, stamp))
            else:
                growing[path] = (stamp, since)
        self._growing = growing
        return sorted(ready, key=lambda item: item[1].modified_ns)

    def _has_settled(self, stamp: FileStamp, unchanged_for: float) -> bool:
        """As long as we look; or since before that, if its time says so.

        Later times are not compared with the clock: it may jump, as at the boot of a board that keeps no time.
        """
        settled = self.settings.settle_seconds
        return unchanged_for >= settled or self._opened_ns - stamp.modified_ns >= settled * 1e9

    def _look_at_everything(self, now: float, stop: threading.Event) -> Generator[None, None, dict[str, FileStamp]]:
        """All that is not taken; a folder of a million, or one on a slow network, takes longer than a watchdog waits."""
        if not self._watch.check():
            self._next_look = now + min(self.settings.poll_seconds, _LOST_POLL)
            return {}
        yield None  # what was yielded before need not wait for this
        begun = time.thread_time()
        found: set[str] = set()
        news: dict[str, FileStamp] = {}
        for path, stamp in self._scan.everything():
            found.add(path)
            if self._taken.get(path) != stamp:
                news[path] = stamp
            if time.monotonic() - now > _SIGN_OF_LIFE:
                yield None
                if stop.is_set():
                    return {}
                now = time.monotonic()
        if self._takes_away and self._backlog is None:
            self._backlog = set(news)
        for path in self._taken.keys() - found:  # what is gone is forgotten: files may come and go for years
            del self._taken[path]
            if not self._takes_away:
                self.seen.forget(self._name(path))
        self._unreadable &= found
        self._incomplete.keep(found)
        for path in {*self._still_here.gone(found), *self._disposition.retry_failed()}:
            self._is_away(path)
        poll = self.settings.poll_seconds
        rest = min(_REST * (time.thread_time() - begun), _LONGEST_REST * poll)
        self._next_look = time.monotonic() + max(poll, rest)
        return news


def _left_of_tick(stamp: FileStamp) -> float:
    """Seconds for which another change of the file may still bear the time of its last one; 0 for all but new files."""
    age = time.time_ns() - stamp.changed_ns
    return (_TICK_NS - age) / 1e9 if 0 <= age < _TICK_NS else 0.0
