"""V4L2 cameras and streams from the network, through OpenCV."""

import os
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.settings import CameraSettings
from edgecls.device.sources.http_camera import open_http
from edgecls.device.sources.live import LiveSource, open_seconds
from edgecls.device.sources.quiet import quiet
from edgecls.device.sources.reader import CameraLost, Capture, DamagedFrame
from edgecls.device.sources.undecoded_jpeg import decode_frame, leave_undecoded
from edgecls.errors import BadImage

_BACKLOG_SECONDS = 5.0  # at most: some streams' clocks are wrong
_A_WAIT = 0.005  # seconds: less is no waiting


class CameraSource(LiveSource):
    """The newest frame of a V4L2 device, or of an RTSP or HTTP stream. See `LiveSource`."""

    def __init__(self, settings: CameraSettings) -> None:
        super().__init__(f"camera:{settings.name or settings.public_device}", settings, lambda: _open(settings))


class _OpenCvCapture:
    """A `Capture` over cv2.VideoCapture."""

    pause = 0.0

    def __init__(self, capture: cv2.VideoCapture, stall_seconds: float, *, is_undecoded: bool = False) -> None:
        self.capture = capture
        self._is_undecoded = is_undecoded
        self._stall_seconds = stall_seconds

    def grab(self) -> None:
        """See `Capture.grab`. `isOpened()` is not asked: it stays true when a camera is unplugged."""
        begun = time.monotonic()
        if not self.capture.grab():
            waited = time.monotonic() - begun
            stalled = waited >= 0.9 * self._stall_seconds
            raise CameraLost(f"no frame for {waited:.0f} s" if stalled else "it stopped giving frames")

    def retrieve(self) -> NDArray[np.uint8] | None:
        """See `Capture.retrieve`."""
        done, image = self.capture.retrieve()
        if not done or image is None:
            return None
        if self._is_undecoded and image.ndim == 2:  # a row of bytes
            try:
                return decode_frame(image)
            except BadImage as error:
                raise DamagedFrame(str(error)) from error
        if image.ndim == 3 and image.shape[2] == 3:
            return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]
        # A pixel format that OpenCV does not know comes as one row of bytes.
        raise CameraLost(
            f"its frames {image.shape} are no pictures: set source.pixel_format to one that OpenCV decodes"
        )

    def close(self) -> None:
        """See `Capture.close`."""
        self.capture.release()


def _open(settings: CameraSettings) -> Capture:
    """Raises CameraLost."""
    quiet()
    if settings.is_stream:
        try:
            return _open_stream(settings)
        except CameraLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the camera is lost
            # The text of an error that nobody foresaw may hold the address, with its password.
            raise CameraLost(f"it cannot be opened ({type(error).__name__})") from None
    device = settings.device
    return _open_device(f"/dev/video{device}" if isinstance(device, int) else device, settings)


def _open_stream(settings: CameraSettings) -> Capture:
    scheme, _, rest = str(settings.device).partition("://")
    address = f"{scheme.lower()}://{rest}"  # FFmpeg does not know `RTSP://`
    if address.startswith("http") and (over_http := open_http(settings, open_seconds(settings))):
        return over_http
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_seconds(settings) * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(settings.stall_seconds * 1000),
    ]  # fmt: skip
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise CameraLost(
            "nothing answers there with a video stream: check address, user and password (in them %2F for /, %3F for ?, "
            "%23 for #, %40 for @)"
        )
    is_undecoded = leave_undecoded(capture)
    _skip_backlog(capture)
    return _OpenCvCapture(capture, settings.stall_seconds, is_undecoded=is_undecoded)


def _skip_backlog(capture: Any) -> None:
    """Pass over the frames that came while the stream was being examined: up to some seconds' worth, by now stale.

    They can be had at once; the first live frame has to be waited for, about as long as there is between two frames
    by the stream's own clock. That clock may stand still: the first two frames of an RTSP stream are both at 0.
    """
    deadline = time.monotonic() + _BACKLOG_SECONDS
    before = None
    while (begun := time.monotonic()) < deadline and capture.grab():
        waited, position = time.monotonic() - begun, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if before is not None and waited >= max((position - before) / 2, _A_WAIT):
            return
        before = position


def _open_device(path: str, settings: CameraSettings) -> _OpenCvCapture:
    if not os.path.exists(path):
        raise CameraLost(f"there is no {path}: plug it in, or see `v4l2-ctl --list-devices`")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraLost(f"no permission to use {path}: add the user to the group video")
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise CameraLost(f"{path} is no camera, or another program uses it")
    try:
        _ask(capture, settings)
    except CameraLost:
        capture.release()
        raise
    # Undecoded, so that a frame that a USB camera has cut off is noticed: OpenCV would paint its second half grey.
    is_jpeg = settings.pixel_format in ("MJPG", "JPEG") and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    return _OpenCvCapture(capture, settings.stall_seconds, is_undecoded=bool(is_jpeg))


def _ask(capture: Any, settings: CameraSettings) -> None:
    """Set format and size. Size and rate are the driver's to round; a wrong pixel format would not decode.

    Left to itself, OpenCV takes the first of its formats that the driver has, and where that is BGR3 (vivid) returns
    rows of bytes; a format that the driver lacks is replaced silently in the same way.
    """
    asked = cv2.VideoWriter.fourcc(*settings.pixel_format)
    capture.set(cv2.CAP_PROP_FOURCC, asked)
    for name, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.fps),
    ):
        if value is not None:
            capture.set(name, value)
    given = int(capture.get(cv2.CAP_PROP_FOURCC))
    if given != asked:
        code = given.to_bytes(4, "little", signed=True).decode("latin-1")
        raise CameraLost(
            f"it gives {code!r} and not {settings.pixel_format!r}: set source.pixel_format to one that "
            "`v4l2-ctl --list-formats` names"
        )
