"""A video file, frame by frame."""

import hashlib
import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from types import TracebackType

import cv2

from edgecls.device.configuration.settings import VideoSettings
from edgecls.device.sources.motion import MotionGate
from edgecls.device.sources.quiet import quiet
from edgecls.device.sources.status import SourceStatus
from edgecls.device.sources.undecoded_jpeg import decode_frame, leave_undecoded
from edgecls.device.sources.video_start import start_of
from edgecls.device.sources.view import view
from edgecls.errors import BadData, BadImage, from_os_error
from edgecls.records import Frame

log = logging.getLogger(__name__)

_NAP = 0.25  # seconds between signs of life
_HEAD = 1 << 20  # bytes
_LONGEST = 366 * 86400.0  # seconds: a file that says that it is longer says nonsense


class VideoSource:
    """Each frame of a video file, in order, once; ends with the file.

    A frame's key is the identity of the video and its number, counted from 0: a restart decodes the video from the
    start and gives every frame the same key again. `captured_at` is when the recording began, which the settings say or
    else `start_of`, plus the frame's position in the video.
    """

    def __init__(self, settings: VideoSettings) -> None:
        self.settings = settings
        self.name = f"video:{settings.path}"
        self._path = os.path.abspath(settings.path)
        self._gate = MotionGate(settings.motion) if settings.motion else None
        self._capture: cv2.VideoCapture | None = None

    def __enter__(self) -> "VideoSource":
        """Open it. Raises InputNotFound, IoFailed (unreadable) and BadData (not a video that FFmpeg can read)."""
        if os.path.exists(self._path) and not os.path.isfile(self._path):  # to open a pipe would wait for its writer
            raise BadData(f"{self._path} is not a file: name a video file as source.path")
        try:
            self._identity, modified = _identify(self._path)
        except OSError as error:
            raise from_os_error(error, f"cannot read {self._path}") from error
        quiet()
        self._capture = cv2.VideoCapture(self._path, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            raise BadData(
                f"{self._path} is not a video that can be read: it may be incomplete, or of an unknown format"
            )
        self._is_undecoded = leave_undecoded(self._capture)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if 0.01 <= fps <= 10_000 else 25.0  # a file may say nothing, or nonsense
        self._start = self._started(modified, max(self._capture.get(cv2.CAP_PROP_FRAME_COUNT), 0.0) / self._fps)
        return self

    def _started(self, modified: datetime, seconds: float) -> datetime:
        """Return when the first frame was captured; `seconds` is the video's length."""
        if self.settings.started:
            return self.settings.started.astimezone(timezone.utc)  # a time without a zone is local
        try:
            return start_of(self._path, modified, seconds)
        except OSError as error:
            raise from_os_error(error, f"cannot read {self._path}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        if self._capture:
            self._capture.release()

    def frames(self, stop: threading.Event) -> Iterator[Frame | None]:
        """See `Source.frames`. None while waiting for a frame's time, and for every frame that is not delivered."""
        assert self._capture, "to be used as a context manager"
        begun = time.monotonic()
        number, position = 0, 0.0
        while not stop.is_set() and self._capture.grab():
            position = self._position(self._capture, number, position)
            if number % self.settings.every_nth:
                yield None
            else:
                if self.settings.pace == "real":
                    yield from _wait(begun + position, stop)
                    if stop.is_set():
                        return
                yield self._frame(number, position, self._capture)
            number += 1
        if not stop.is_set():
            self._check_end(number, round(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """The file stays where it is."""

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        return SourceStatus(still=self._gate.still if self._gate else 0)

    def probe(self) -> None:
        """See `Source.probe`."""
        with self:
            pass

    def _position(self, capture: cv2.VideoCapture, number: int, before: float) -> float:
        """Return the position of the frame just grabbed, in seconds from the first one.

        The rate may vary, so the file's own time stamps are read. Where they are missing or go back (H.264 without a
        container, damaged files), the frame's number and the mean rate take their place.
        """
        seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if number == 0:
            self._first = seconds if math.isfinite(seconds) else 0.0
        position = seconds - self._first
        if number and not before < position < _LONGEST:
            return before + 1 / self._fps
        return position if number else 0.0

    def _frame(self, number: int, position: float, capture: cv2.VideoCapture) -> Frame | None:
        done, image = capture.retrieve()
        key = f"{self._identity}#{number}"
        captured_at = self._start + timedelta(seconds=position)
        if not done or image is None:
            return Frame(self.name, key, captured_at, None, self._path, "cannot be decoded")
        try:
            whole = decode_frame(image) if self._is_undecoded else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        except BadImage as error:
            return Frame(self.name, key, captured_at, None, self._path, str(error))
        pixels = view(whole, self.settings)  # type: ignore[arg-type]
        if self._gate and not self._gate.passes(pixels):
            return None
        return Frame(self.name, key, captured_at, pixels, self._path)

    def _check_end(self, seen: int, promised: int) -> None:
        """Containers that do not store the count give an estimate: 1 % is no damage."""
        if seen + 1 < 0.99 * promised:
            log.warning("%s ends after %d of %d frames: the file is incomplete or damaged", self._path, seen, promised)


def _identify(path: str) -> tuple[str, datetime]:
    """What tells a video from another of the same name, without reading it all: size and first MiB; and its time."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.sha256(b"%d " % status.st_size + file.read(_HEAD)).hexdigest()[:32]
    try:
        modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
    except (ValueError, OverflowError):  # file systems can hold the year 33658
        modified = datetime.now(timezone.utc)
    return digest, modified


def _wait(until: float, stop: threading.Event) -> Iterator[None]:
    while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, _NAP)):
        yield None
