"""What all cameras have in common: the newest frame, and patience with a camera that goes away."""

import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from types import TracebackType

from edgecls.device.configuration.settings import LiveSettings
from edgecls.device.sources.latest_frame import CapturedFrame, LatestFrame
from edgecls.device.sources.motion import MotionGate
from edgecls.device.sources.reader import Capture, Reader
from edgecls.device.sources.status import SourceStatus
from edgecls.device.sources.view import view
from edgecls.errors import BadConfig, IoFailed
from edgecls.records import Frame

log = logging.getLogger(__name__)

_NAP = 0.25  # seconds between signs of life
_FIRST_OPEN = 5.0  # seconds that the start waits for a camera; a service says that it is ready all the same
_LEAVE = 2.0  # seconds for a reader to end
_TRY = 0.02  # seconds between two looks at a camera that is tried out
_OPEN = 15.0  # seconds that opening may take at least: a stream is looked at for some seconds before its first frame
_GRACE = 2.0  # seconds beyond the limit that the capture was given, for it to give up by itself
_STUCK = 120.0  # seconds after which a reader will not return: longer than the system's resolver takes to find no name
_FIRST_DELAY = 1.0  # seconds from the loss of a camera to the first attempt to open it


class LiveSource:
    """The newest frame of a camera, whenever one is asked for; the camera is opened again when it is lost.

    `lost` is None while frames come, else the reason why they do not. `frames` raises IoFailed if reading does not
    return.
    """

    def __init__(self, name: str, settings: LiveSettings, open_capture: Callable[[], Capture]) -> None:
        self.name = name
        self.settings = settings
        self.lost: str | None = None
        self.lost_at: datetime | None = None
        self._open_capture = open_capture
        self._place = LatestFrame()
        self._gate = MotionGate(settings.motion) if settings.motion else None
        self._keys = keys()
        self._due = 0.0
        self._reader: Reader | None = None
        self._given_up: tuple[Reader, float] | None = None
        self._retry_at = self._lost_since = self._back_at = self._delay = 0.0
        self._was_there = False
        self._greeted: Reader | None = None
        self._damaged_before = self._damaged_logged = 0

    def __enter__(self) -> "LiveSource":
        """Begin to open the camera, and give it a moment. One that is not there is no error: it may come."""
        self._reader = self._start()
        deadline = time.monotonic() + _FIRST_OPEN
        while self._reader.is_alive() and not self._reader.is_open and time.monotonic() < deadline:
            self._reader.join(_TRY)
        self._tend()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the camera. A reader that is stuck is left: it ends with the process."""
        if self._reader:
            self._reader.leave()
            self._reader.join(_LEAVE)

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """See `Source.frames`. Never ends by itself; None, several times a second, while there is nothing."""
        while not stop.is_set():
            self._tend()
            shot = self._place.take(_NAP)
            self._greet()  # nobody is given a frame of a camera that is said to be lost
            yield self._frame(shot) if shot else None

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """A camera does not care."""

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        still = self._gate.still if self._gate else 0
        dropped, damaged = self._place.dropped, self._damaged_logged
        return SourceStatus(lost=self.lost, since=self.lost_at, dropped=dropped, still=still, damaged=damaged)

    def probe(self) -> None:
        """Open the camera and wait for one whole frame. Raises BadConfig where none comes."""
        reader = Reader(self._open_capture, LatestFrame())
        reader.start()
        silence: str | None = None
        damaged_since: float | None = None
        while reader.is_alive() and not reader.gave_a_frame and not silence:
            reader.join(_TRY)
            silence = self._silence(reader)
            if reader.damaged:  # snapshots that are damaged, each time, are no silence
                damaged_since = damaged_since or time.monotonic()
                if time.monotonic() - damaged_since > self.settings.stall_seconds + _GRACE:
                    silence = f"its frames are damaged: the last one {reader.damage}"
        reader.leave()
        reader.join(_LEAVE)
        if not reader.gave_a_frame:
            raise BadConfig(f"{self.name} cannot be used: {silence or reader.reason}")

    def _frame(self, shot: CapturedFrame) -> Frame | None:
        pixels = view(shot.pixels, self.settings)
        if self._gate and not self._gate.passes(pixels):
            return None
        now = time.monotonic()
        if now < self._due:  # decoded for the motion gate, which sees every frame, or before the reader knew
            return None
        self._due = now + self.settings.interval_seconds
        if self._reader and not self._gate:
            self._reader.wanted_at = self._due
        return Frame(self.name, next(self._keys), shot.captured_at, pixels)

    def _tend(self) -> None:
        """See to it that there is a reader, and that it reads."""
        self._greet()
        self._log_damage()
        now = time.monotonic()
        if self._given_up:
            self._wait_for_stuck(now)
        elif not self._reader:
            if now >= self._retry_at:
                self._reader = self._start()
        elif not self._reader.is_alive():
            self._lose(self._reader.reason, now)
        elif silence := self._silence(self._reader):
            self._reader.leave()
            self._given_up = self._reader, now
            self._lose(silence, now)

    def _greet(self) -> None:
        """A camera is back with its first frame."""
        if self._reader and self._reader.gave_a_frame and self._reader is not self._greeted:
            self._greeted = self._reader
            self._is_back(time.monotonic())

    def _log_damage(self) -> None:
        """Log damaged frames, which are skipped: the log limits how often."""
        damaged = self._damaged_before + (self._reader.damaged if self._reader else 0)
        if self._reader and damaged > self._damaged_logged:
            log.warning("%s: a damaged frame was skipped: it %s", self.name, self._reader.damage)
            self._damaged_logged = damaged

    def _silence(self, reader: Reader) -> str | None:
        """For how long nothing has come, if that is too long."""
        silent = time.monotonic() - reader.last_sign
        limit = self.settings.stall_seconds if reader.is_open else open_seconds(self.settings)
        if silent <= limit + _GRACE:
            return None
        return f"no {'whole ' if reader.damaged else ''}frame for {silent:.0f} s"

    def _start(self) -> Reader:
        reader = Reader(self._open_capture, self._place, wanted_at=0.0 if self._gate else self._due)
        reader.start()
        return reader

    def _wait_for_stuck(self, now: float) -> None:
        """A second reader beside one that may still hold the camera could not open it."""
        assert self._given_up
        reader, since = self._given_up
        if not reader.is_alive():
            self._given_up = None
        elif now - since > _STUCK:
            raise IoFailed(
                f"{self.name} is stuck: a read has not returned for {now - reader.last_sign:.0f} s and cannot be "
                "ended: start edgecls again, or plug the camera in anew"
            )

    def _lose(self, reason: str, now: float) -> None:
        """Say so once; wait longer from one attempt to the next, until the camera has held for the longest wait."""
        self._damaged_before += self._reader.damaged if self._reader else 0
        self._reader = None
        if self.lost is None:
            held = now - self._back_at >= self.settings.reconnect_max_seconds
            self._delay = 0.0 if held else self._delay
            what = "is lost" if self._was_there else "cannot be opened"
            log.warning("%s %s: %s; trying again until it comes", self.name, what, reason)
            self._lost_since = now
            self.lost_at = datetime.now(timezone.utc)
        self.lost = reason
        self._delay = min(max(self._delay * 2, _FIRST_DELAY), self.settings.reconnect_max_seconds)
        self._retry_at = now + self._delay

    def _is_back(self, now: float) -> None:
        self._back_at = now
        if self.lost is not None:
            log.info(
                "%s is %s after %.0f s",
                self.name,
                "back" if self._was_there else "there",
                self._back_at - self._lost_since,
            )
        self.lost = self.lost_at = None
        self._was_there = True


def open_seconds(settings: LiveSettings) -> float:
    """How long opening a camera may take."""
    return max(settings.stall_seconds, _OPEN)


def keys() -> Iterator[str]:
    """Names for frames that no other run has given or will give.

    Time first, so that the database's index grows at its end, which spares an SD card; time to the microsecond alone
    could come twice, when the clock is set back or a board without one starts in 1970 again. So 64 random bits name
    the run, and a count the frame in it: these two are unique whatever the clock says.
    """
    run = secrets.token_hex(8)
    for n in itertools.count():
        yield f"{time.time_ns() // 1000:016d}-{run}-{n}"
