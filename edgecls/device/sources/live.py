"""A camera as a source: its newest frame, and a new connection whenever it is lost."""

import enum
import itertools
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from types import TracebackType

from edgecls.device.configuration.source_settings import LiveSettings
from edgecls.device.sources import SourceStatus
from edgecls.device.sources.motion import MotionGate
from edgecls.device.sources.reader import Capture, CapturedFrame, LatestFrame, Reader
from edgecls.device.sources.view import view
from edgecls.errors import BadConfig, IoFailed
from edgecls.records import Frame

log = logging.getLogger(__name__)

_WAIT_S = 0.25  # that `next_frame` waits for a frame
_FIRST_OPEN_S = 5.0  # that the start waits for the camera; a service reports that it is ready all the same
_LEAVE_S = 2.0  # that a reader is given to end
_POLL_S = 0.02  # between two looks at a camera that is being opened
_OPEN_S = 15.0  # that opening may take at least: FFmpeg analyses a stream for some seconds before its first frame
_GRACE_S = 2.0  # beyond the time limit of the capture, which should end its call by itself
_STUCK_S = 120.0  # after which a call will not return: longer than the system's resolver takes to give up
_FIRST_DELAY_S = 1.0  # from the loss of a camera to the first attempt to open it


class Connection(enum.Enum):
    """The state of the connection to a camera."""

    CONNECTING = "a reader is opening the camera, and has not delivered a frame yet"
    LIVE = "the reader delivers frames"
    LOST = "there is no reader; one is started when the delay is over"
    STUCK = "the reader was asked to leave and has not returned yet"


class Backoff:
    """Computes the delay before each attempt to open a camera: 1 s, 2 s, 4 s and so on up to `longest` seconds.

    The delay starts at 1 s again only if the camera was live for `longest` seconds. So a loose contact does not cause
    rapid attempts. Times are those of `time.monotonic`.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._delay = 0.0
        self._live_since: float | None = None

    def note_live(self, now: float) -> None:
        """Note that the camera delivers frames."""
        self._live_since = now

    def next_delay(self, now: float) -> float:
        """Note that the camera is lost, or that an attempt failed. Return the seconds until the next attempt."""
        if self._live_since is not None and now - self._live_since >= self._longest:
            self._delay = 0.0
        self._live_since = None
        self._delay = min(max(self._delay * 2, _FIRST_DELAY_S), self._longest)
        return self._delay


class LiveSource:
    """The newest frame of a camera, whenever one is asked for.

    `open_capture` opens the camera in the reader's thread. `next_frame` raises IoFailed if a call of the driver does
    not return.
    """

    def __init__(self, settings: LiveSettings, open_capture: Callable[[], Capture]) -> None:
        self.name = settings.source_name
        self.settings = settings
        self._open_capture = open_capture
        self._latest = LatestFrame()
        self._gate = MotionGate(settings.motion) if settings.motion else None
        self._keys = unique_keys()
        self._due = 0.0  # when the next frame is wanted
        self._reader = Reader(open_capture, self._latest)
        self._connection = Connection.CONNECTING
        self._backoff = Backoff(settings.reconnect_max_seconds)
        self._retry_at = self._stuck_since = self._lost_since = 0.0
        self._lost: str | None = None
        self._lost_at: datetime | None = None
        self._has_been_live = False
        self._logged_damaged = 0

    def __enter__(self) -> "LiveSource":
        """Start to open the camera and wait a moment for it. A missing camera is not an error: it may come later."""
        self._reader.start()
        deadline = time.monotonic() + _FIRST_OPEN_S
        while self._reader.is_alive() and not self._reader.is_open and time.monotonic() < deadline:
            self._reader.join(_POLL_S)
        self._update_connection()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the camera. A stuck reader is abandoned; it ends with the process."""
        self._reader.leave()
        self._reader.join(_LEAVE_S)

    def next_frame(self) -> Frame | None:
        """See `Source.next_frame`. A camera never ends."""
        self._update_connection()
        captured = self._latest.take(_WAIT_S)
        self._notice_first_frame()  # a frame must not arrive from a camera that is reported as lost
        return self._frame(captured) if captured else None

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """Do nothing: a camera keeps no frames."""

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        still = self._gate.still if self._gate else 0
        return SourceStatus(self._lost, self._lost_at, self._latest.dropped, still, self._latest.damaged)

    def probe(self) -> None:
        """Open the camera and wait for one whole frame. Raises BadConfig if none comes."""
        reader = Reader(self._open_capture, LatestFrame())
        reader.start()
        problem = None
        while reader.is_alive() and not reader.has_delivered and problem is None:
            reader.join(_POLL_S)
            problem = self._silence(reader, reader.opened_at)
        reader.leave()
        reader.join(_LEAVE_S)
        if not reader.has_delivered:
            raise BadConfig(f"{self.name} cannot be used: {problem or reader.reason}")

    def _frame(self, captured: CapturedFrame) -> Frame | None:
        pixels = view(captured.pixels, self.settings)
        if self._gate and not self._gate.passes(pixels):
            return None
        now = time.monotonic()
        if now < self._due:  # decoded for the motion gate, which sees every frame, or before the reader knew
            return None
        self._due = now + self.settings.interval_seconds
        if not self._gate:
            self._reader.wanted_at = self._due
        return Frame(self.name, next(self._keys), captured.captured_at, pixels)

    def _update_connection(self) -> None:
        """Notice a loss, and start a new reader when it is time. Raises IoFailed if the reader is stuck for good."""
        self._notice_first_frame()
        self._log_damage()
        now, reader = time.monotonic(), self._reader
        if self._connection is Connection.LOST:
            if now >= self._retry_at:
                self._connect()
        elif self._connection is Connection.STUCK:
            if not reader.is_alive():
                self._connection = Connection.LOST
            elif now - self._stuck_since > _STUCK_S:
                raise IoFailed(
                    f"{self.name} is stuck: a read has not returned for {now - reader.last_sign:.0f} s and cannot be "
                    "ended: restart edgecls, or unplug the camera and plug it in again"
                )
        elif not reader.is_alive():
            self._connection = Connection.LOST
            self._report_loss(reader.reason, now)
        elif silence := self._silence(reader, reader.last_sign):
            reader.leave()
            self._connection, self._stuck_since = Connection.STUCK, now
            self._report_loss(silence, now)

    def _connect(self) -> None:
        self._reader = Reader(self._open_capture, self._latest, wanted_at=0.0 if self._gate else self._due)
        self._reader.start()
        self._connection = Connection.CONNECTING

    def _notice_first_frame(self) -> None:
        if self._connection is not Connection.CONNECTING or not self._reader.has_delivered:
            return
        self._connection = Connection.LIVE
        self._backoff.note_live(time.monotonic())
        if self._lost is not None:
            seconds = time.monotonic() - self._lost_since
            log.info("%s is %s after %.0f s", self.name, "back" if self._has_been_live else "there", seconds)
        self._lost = self._lost_at = None
        self._has_been_live = True

    def _report_loss(self, reason: str, now: float) -> None:
        """Log the loss once, keep the newest reason for the status, and set the time of the next attempt."""
        self._retry_at = now + self._backoff.next_delay(now)
        if self._lost is None:
            self._lost_since = now
            what = "is lost" if self._has_been_live else "cannot be opened"
            log.warning("%s %s: %s; trying again until it responds", self.name, what, reason)
            self._lost_at = datetime.now(timezone.utc)
        self._lost = reason

    def _log_damage(self) -> None:
        if self._latest.damaged > self._logged_damaged:  # the log limits repeated messages
            log.warning("%s: skipped a damaged frame: it %s", self.name, self._latest.damage)
            self._logged_damaged = self._latest.damaged

    def _silence(self, reader: Reader, since: float) -> str | None:
        """Return a reason if no whole frame has come since that time, and that is too long. Return None otherwise."""
        seconds = time.monotonic() - since
        limit = self.settings.stall_seconds if reader.is_open else open_seconds(self.settings)
        if seconds <= limit + _GRACE_S:
            return None
        if reader.damage:
            return f"no whole frame for {seconds:.0f} s: the last one {reader.damage}"
        return f"no frame for {seconds:.0f} s"


def open_seconds(settings: LiveSettings) -> float:
    """Return the seconds that opening a camera may take."""
    return max(settings.stall_seconds, _OPEN_S)


def unique_keys() -> Iterator[str]:
    """Yield keys for frames that no other run has used or will use.

    A key begins with the time, so that the database's index grows at its end, which spares an SD card. The time alone
    is not unique: the clock may be set back, or a board without a battery may start in 1970 again. So 64 random bits
    identify the run, and a count identifies the frame within it.
    """
    run = secrets.token_hex(8)
    for n in itertools.count():
        yield f"{time.time_ns() // 1000:016d}-{run}-{n}"
