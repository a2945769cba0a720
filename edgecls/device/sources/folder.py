"""A folder as a source: the images in it at the start, then those that arrive.

A file goes this way: an event or a scan finds it (`folder_watch`, `folder_scan`), it waits until it is whole, it is read
and delivered as a frame, and once its row is committed it is kept, moved or deleted (`file_disposition`). `file_memory`
knows what was delivered.
"""

import enum
import os
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources import EndOfSource, SourceStatus
from edgecls.device.sources.file_disposition import FileDisposition
from edgecls.device.sources.file_memory import FileMemory
from edgecls.device.sources.folder_scan import FolderScan
from edgecls.device.sources.folder_watch import FolderWatch
from edgecls.device.sources.incomplete_files import IncompleteFiles
from edgecls.errors import InputNotFound, from_os_error
from edgecls.images.file_frame import FileStamp, regular_file_frame
from edgecls.images.frame_key import without_arrival
from edgecls.records import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecls.database.seen_file_rows import SeenFileRows

_WAIT_S = 0.25  # that `next_frame` waits for an event
_BUSY_S = 1.0  # that `next_frame` may be busy without finding a frame
_LOST_POLL_S = 5.0  # between looks for a folder that has vanished
_REST = 200  # times the processor time of a scan pass until the next one, so that scans take 0.5 % of it,
_LONGEST_REST = 10  # but not more than this many times `poll_seconds`: without events only a scan finds new files
_TICK_NS = 20_000_000  # file times are no finer than the kernel's tick, 1 to 10 ms


class _Phase(enum.Enum):
    RECALLING = "reading from the database what was delivered before the restart"
    SCANNING = "listing the folder; that of a million files, or on a slow network, takes minutes"
    DELIVERING = "reading the files that are whole, one a call"
    WAITING = "waiting for an event, the next scan, or a file that may have become whole"


class _DeliveredFile(NamedTuple):
    """The state of a file when it was read. `inode` is None if files are kept, or if it was replaced meanwhile."""

    stamp: FileStamp
    was_young: bool
    inode: int | None


class FolderSource:
    """Delivers each file once, and again when its content changes. Drops no file and delivers none half-written.

    A file is whole when its writer has closed it, or when its size and times have not changed for `settle_seconds`. An
    image whose end is missing waits for `incomplete_seconds`. A file that cannot be read is one frame with an error; it
    stays where it is, and is delivered once it can be read. If files are kept, those that `seen` knows are not read
    again unless they have changed. If files are taken away, the same content arriving again is another frame.
    """

    def __init__(self, settings: FolderSettings, seen: "SeenFileRows | None" = None) -> None:
        self.settings = settings
        self.name = settings.source_name
        self._root = os.path.abspath(settings.path)
        self._takes_away = settings.after != "keep"
        self._scan = FolderScan(self._root, settings)
        self._watch = FolderWatch(self._root, recursive=settings.recursive)
        self._disposition = FileDisposition(self._root, settings)
        self._memory = FileMemory(self._root, seen, takes_away=self._takes_away)
        self._incomplete = IncompleteFiles(settings.incomplete_seconds)
        self._phase = _Phase.RECALLING
        self._listing: Iterator[tuple[str, FileStamp]] = iter(())  # the rest of a scan
        self._listed: set[str] = set()  # all paths of the scan so far
        self._candidates: dict[str, FileStamp] = {}  # those of them, or of the events, that are not delivered
        self._closed: set[str] = set()  # paths that their writers have closed
        self._scan_cpu_s = 0.0
        self._growing: dict[str, tuple[FileStamp, float]] = {}  # by path: the state, and since when it is the same
        self._whole: deque[tuple[str, FileStamp]] = deque()  # to be delivered, oldest first
        self._unreadable: set[str] = set()
        self._unacknowledged: dict[str, _DeliveredFile] = {}  # by key
        self._next_scan = self._wake_at = self._active_at = 0.0
        self._opened_ns = 0

    def __enter__(self) -> "FolderSource":
        """Start to watch. Raises InputNotFound if there is no such folder, IoFailed if it cannot be read or written."""
        self.probe()
        self._disposition.make_folders()
        self._opened_ns = time.time_ns()
        self._active_at = time.monotonic()
        self._watch.check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._watch.stop()
        self._memory.close()

    def probe(self) -> None:
        """See `Source.probe`."""
        try:
            with os.scandir(self._root):
                os.stat(os.path.join(self._root, os.curdir))  # a folder that can be listed may still not be entered
        except (FileNotFoundError, NotADirectoryError) as error:
            raise InputNotFound(f"no folder at {self._root}: create it, or correct source.path") from error
        except OSError as error:
            raise from_os_error(error, f"cannot read the folder {self._root}") from error
        self._disposition.check()

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        return SourceStatus(lost=self._watch.lost, since=self._watch.lost_at)

    def next_frame(self) -> Frame | None:
        """See `Source.next_frame`. If `until_idle` is set, the folder ends when nothing arrives for that long."""
        deadline = time.monotonic() + _BUSY_S
        while True:
            if self._phase is _Phase.RECALLING:
                if self._memory.recall(deadline):
                    self._start_scan()
            elif self._phase is _Phase.SCANNING:
                self._continue_scan(deadline)
            elif self._phase is _Phase.DELIVERING:
                if not self._whole:
                    self._start_wait()
                    return None  # at once: the caller may have frames to finish
                frame = self._read(*self._whole.popleft())
                if frame is not None:
                    self._active_at = time.monotonic()
                    return frame
            elif not self._wait():
                return None
            if time.monotonic() > deadline:
                return None

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """Keep, move or delete the file, unless it has changed since it was read: then it will be another frame."""
        delivered, path = self._unacknowledged.pop(frame.key, None), frame.path
        if delivered is None or path is None:
            return
        stamp = delivered.stamp
        if delivered.was_young and not self._is_unchanged(frame, path, stamp):
            self._deliver_again(path, stamp)
        elif self._is_written_again(path, stamp):
            self._memory.keep_arrival(path, frame.key, stamp, delivered.inode)
            self._deliver_again(path, stamp)
        elif self._disposition.dispose(path, stamp, failed=failed):
            self._memory.remove(path)
        else:
            self._memory.keep_arrival(path, frame.key, stamp, delivered.inode)
            if self._takes_away and _stamp_of(path) != stamp:
                self._deliver_again(path, stamp)
            self._memory.remember(path, frame.key, stamp)

    # Finding files

    def _wait(self) -> bool:
        """Wait for a moment. Return whether there is something to look at."""
        remaining = self._wake_at - time.monotonic()
        if remaining > 0 and not self._watch.woken.wait(min(_WAIT_S, remaining)) and remaining > _WAIT_S:
            return False
        changed, self._closed = self._watch.take()
        if time.monotonic() >= self._next_scan or self._root in changed:
            self._start_scan()
        else:
            paths = {*changed, *self._growing, *self._incomplete}
            self._candidates = {path: stamp for place in paths for path, stamp in self._scan.at(place)}
            self._incomplete.keep_only(self._candidates)
            self._sort_candidates()
        return True

    def _start_scan(self) -> None:
        self._candidates = {}
        if self._watch.check():
            self._listing, self._listed, self._scan_cpu_s = self._scan.everything(), set(), 0.0
            self._phase = _Phase.SCANNING
        else:
            self._next_scan = time.monotonic() + min(self.settings.poll_seconds, _LOST_POLL_S)
            self._sort_candidates()

    def _continue_scan(self, deadline: float) -> None:
        """List files until `deadline`. At the end of the list, forget what is gone and sort what is new."""
        started = time.thread_time()
        for path, stamp in self._listing:
            self._listed.add(path)
            if not self._memory.has(path, stamp):
                self._candidates[path] = stamp
            if time.monotonic() > deadline:
                self._scan_cpu_s += time.thread_time() - started
                return
        self._memory.keep_only(self._listed, self._candidates)
        self._unreadable &= self._listed
        self._incomplete.keep_only(self._listed)
        for path in self._disposition.retry_failed():
            self._memory.remove(path)
        self._scan_cpu_s += time.thread_time() - started
        poll = self.settings.poll_seconds
        self._next_scan = time.monotonic() + max(poll, min(_REST * self._scan_cpu_s, _LONGEST_REST * poll))
        self._sort_candidates()

    def _sort_candidates(self) -> None:
        """Put the candidates that are whole in line for delivery, oldest first. The others are growing, or wait."""
        now, whole, growing = time.monotonic(), [], {}
        for path, stamp in self._candidates.items():
            if self._memory.has(path, stamp) or self._incomplete.is_waiting(path, stamp):
                continue
            before, since = self._growing.get(path, (stamp, now))
            if before != stamp:
                since = now
            if path in self._closed or self._has_settled(stamp, now - since):
                whole.append((path, stamp))
            else:
                growing[path] = (stamp, since)
        self._growing = growing
        self._whole.extend(sorted(whole, key=lambda item: item[1].modified_ns))
        self._phase = _Phase.DELIVERING

    def _has_settled(self, stamp: FileStamp, unchanged_s: float) -> bool:
        """Return whether the file has not changed for `settle_seconds`.

        That was seen here, or the file's time says that it was so when the source was opened. Later times are not
        compared with the clock: it may jump, as at the boot of a board that keeps no time.
        """
        settle = self.settings.settle_seconds
        return unchanged_s >= settle or self._opened_ns - stamp.modified_ns >= settle * 1e9

    def _start_wait(self) -> None:
        """Wait for an event, the next scan, or the time when a file may have become whole.

        Raises EndOfSource if nothing has arrived for `until_idle` seconds.
        """
        now, until_idle = time.monotonic(), self.settings.until_idle
        if self._growing or len(self._incomplete):
            self._active_at = now
        if until_idle is not None and now - self._active_at >= until_idle:
            raise EndOfSource
        limits = [
            self.settings.settle_seconds if self._growing else None,
            self.settings.incomplete_seconds if len(self._incomplete) else None,
            until_idle,
        ]
        self._wake_at = min([self._next_scan, *(now + seconds for seconds in limits if seconds)])
        self._phase = _Phase.WAITING

    # Reading files

    def _read(self, path: str, stamp: FileStamp) -> Frame | None:
        """Return the frame of a file.

        Returns None if the file is gone or has changed since it was found, if it is still unreadable, or if it waits
        for its end.
        """
        was_young = _rest_of_tick(stamp) > 0
        inode = _inode_of(path) if self._takes_away else None
        frame, read = self._file_frame(path)
        if frame is None:  # a file that is gone is found again if it comes back
            return None
        if frame.error and read is None:
            is_known = path in self._unreadable
            self._unreadable.add(path)
            return None if is_known else frame
        self._unreadable.discard(path)
        if read != stamp:
            self._growing[path] = (stamp, time.monotonic())
            return None
        if self._incomplete.must_wait(path, stamp, frame.image):
            return None
        if self._takes_away and inode != _inode_of(path):
            inode = None
        frame = self._memory.with_known_key(frame, path, stamp, inode)
        self._memory.add(path, stamp)
        self._unacknowledged[frame.key] = _DeliveredFile(stamp, was_young, inode)
        return frame

    def _file_frame(self, path: str) -> tuple[Frame | None, FileStamp | None]:
        name = self._memory.name(path)
        return regular_file_frame(self.name, path, name, max_bytes=self.settings.max_bytes, by_arrival=self._takes_away)

    def _is_unchanged(self, frame: Frame, path: str, stamp: FileStamp) -> bool:
        """Return whether a file that was read young still has that content.

        Within the same tick it may have changed, and its times cannot tell. This is checked after the row is committed
        and before the file is disposed of, so that no frame has to wait for the end of the tick.
        """
        time.sleep(_rest_of_tick(stamp))  # what is written after this moment has another time
        again, read = self._file_frame(path)
        # A file that is gone, or has another stamp, is dealt with later: its times do tell.
        return again is None or without_arrival(again.key) == without_arrival(frame.key) or read != stamp

    def _is_written_again(self, path: str, stamp: FileStamp) -> bool:
        """Return whether another writer has started just after the file was closed, and may be pausing.

        A change of mode or owner causes the same event. Then the time of modification is an old one.
        """
        settle = self.settings.settle_seconds
        return self._watch.was_written(path, settle) and abs(time.time() - stamp.modified_ns / 1e9) < settle

    def _deliver_again(self, path: str, stamp: FileStamp) -> None:
        """Look at the file again: it was not whole, or it has changed."""
        now = time.monotonic()
        self._memory.discard(path)
        self._growing[path] = (stamp, now)
        self._wake_at = min(self._wake_at, now + self.settings.settle_seconds)


def _rest_of_tick(stamp: FileStamp) -> float:
    """Return the seconds during which another change of the file may still have the time of its last one."""
    age = time.time_ns() - stamp.changed_ns
    return (_TICK_NS - age) / 1e9 if 0 <= age < _TICK_NS else 0.0


def _stamp_of(path: str) -> FileStamp | None:
    try:
        return FileStamp.of(os.stat(path))
    except OSError:
        return None


def _inode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
