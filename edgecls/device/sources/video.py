"""A video file as a source: its frames, in order."""

import hashlib
import logging
import math
import os
import time
from datetime import datetime, timedelta, timezone
from types import TracebackType

import cv2

from edgecls.device.configuration.source_settings import VideoSettings
from edgecls.device.sources import EndOfSource, SourceStatus
from edgecls.device.sources.motion import MotionGate
from edgecls.device.sources.opencv import decode_frame, leave_undecoded, silence_video_logs
from edgecls.device.sources.video_start import start_of
from edgecls.device.sources.view import view
from edgecls.errors import BadData, BadImage, from_os_error
from edgecls.records import Frame

log = logging.getLogger(__name__)

_WAIT_S = 0.25  # that `next_frame` waits for the time of a frame
_HEAD = 1 << 20  # bytes
_LONGEST_S = 366 * 86400.0  # a longer video must be an error of its file


class VideoSource:
    """Each frame of a video file, in order, once. Ends with the file.

    A frame's key is the identity of the video and the frame's number, from 0. So a restart, which decodes the video
    from the start, gives every frame the same key again. `captured_at` is the start of the recording, from the settings
    or else from `start_of`, plus the frame's position in the video.
    """

    def __init__(self, settings: VideoSettings) -> None:
        self.settings = settings
        self.name = settings.source_name
        self._path = os.path.abspath(settings.path)
        self._gate = MotionGate(settings.motion) if settings.motion else None
        self._number = 0  # of the next frame
        self._position = 0.0  # seconds, of the frame that was grabbed last
        self._is_grabbed = False
        self._started_at = 0.0  # when the first frame was read, for `pace = "real"`

    def __enter__(self) -> "VideoSource":
        """Open the file. Raises InputNotFound, IoFailed (unreadable) and BadData (not a video that FFmpeg reads)."""
        if os.path.exists(self._path) and not os.path.isfile(self._path):  # opening a pipe would wait for its writer
            raise BadData(f"{self._path} is not a file: set source.path to a video file")
        try:
            self._identity, modified = _identify(self._path)
        except OSError as error:
            raise from_os_error(error, f"cannot read {self._path}") from error
        silence_video_logs()
        self._capture = cv2.VideoCapture(self._path, cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            self._capture.release()
            raise BadData(f"FFmpeg cannot read {self._path}: the video may be incomplete, or of an unknown format")
        self._is_undecoded = leave_undecoded(self._capture)
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if 0.01 <= fps <= 10_000 else 25.0  # a file may have no frame rate, or an absurd one
        frames = max(self._capture.get(cv2.CAP_PROP_FRAME_COUNT), 0.0)
        self._recorded_at = self._recording_start(modified, frames / self._fps)
        return self

    def _recording_start(self, modified: datetime, seconds: float) -> datetime:
        """Return when the first frame was captured. `seconds` is the length of the video."""
        if self.settings.started:
            return self.settings.started.astimezone(timezone.utc)  # a time without a zone is local
        try:
            return start_of(self._path, modified, seconds)
        except OSError as error:
            raise from_os_error(error, f"cannot read {self._path}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._capture.release()

    def next_frame(self) -> Frame | None:
        """See `Source.next_frame`. Returns None, too, for a frame that is skipped or shows no motion."""
        if not self._is_grabbed:
            if not self._capture.grab():
                self._warn_if_incomplete()
                raise EndOfSource
            if self._number == 0:
                self._started_at = time.monotonic()
            self._is_grabbed, self._position = True, self._next_position()
        is_wanted = self._number % self.settings.every_nth == 0
        if is_wanted and self.settings.pace == "real":
            remaining = self._started_at + self._position - time.monotonic()
            time.sleep(min(max(remaining, 0.0), _WAIT_S))
            if remaining > _WAIT_S:
                return None
        frame = self._frame() if is_wanted else None
        self._is_grabbed, self._number = False, self._number + 1
        return frame

    def acknowledge(self, frame: Frame, *, failed: bool = False) -> None:
        """Do nothing: the file stays where it is."""

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        return SourceStatus(still=self._gate.still if self._gate else 0)

    def probe(self) -> None:
        """See `Source.probe`."""
        with self:
            pass

    def _next_position(self) -> float:
        """Return the position of the frame just grabbed, in seconds from the first one.

        Reads the file's own time stamps, because the rate may vary. If they are missing or go back (H.264 without a
        container, damaged files), the mean rate is used instead.
        """
        seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if self._number == 0:
            self._first = seconds if math.isfinite(seconds) else 0.0
            return 0.0
        position = seconds - self._first
        return position if self._position < position < _LONGEST_S else self._position + 1 / self._fps

    def _frame(self) -> Frame | None:
        is_decoded, image = self._capture.retrieve()
        key = f"{self._identity}#{self._number}"
        captured_at = self._recorded_at + timedelta(seconds=self._position)
        if not is_decoded or image is None:
            return Frame(self.name, key, captured_at, None, self._path, "cannot be decoded")
        try:
            rgb = decode_frame(image) if self._is_undecoded else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        except BadImage as error:
            return Frame(self.name, key, captured_at, None, self._path, str(error))
        pixels = view(rgb, self.settings)  # type: ignore[arg-type]
        if self._gate and not self._gate.passes(pixels):
            return None
        return Frame(self.name, key, captured_at, pixels, self._path)

    def _warn_if_incomplete(self) -> None:
        expected = round(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if self._number + 1 < 0.99 * expected:  # some containers only hold an estimate of the count
            log.warning(
                "%s ends after %d of %d frames: the file is incomplete or damaged", self._path, self._number, expected
            )


def _identify(path: str) -> tuple[str, datetime]:
    """Return a digest that tells the video from others of the same name, and its time of modification.

    The digest covers the size and the first MiB, so that a long video need not be read whole.
    """
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.sha256(b"%d " % status.st_size + file.read(_HEAD)).hexdigest()[:32]
    try:
        modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
    except (ValueError, OverflowError):  # file systems can hold the year 33658
        modified = datetime.now(timezone.utc)
    return digest, modified
