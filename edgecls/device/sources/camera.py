"""V4L2 cameras and network streams, through OpenCV."""

import os
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.source_settings import CameraSettings
from edgecls.device.sources.http_camera import open_http
from edgecls.device.sources.live import LiveSource, open_seconds
from edgecls.device.sources.opencv import decode_frame, leave_undecoded, silence_video_logs
from edgecls.device.sources.reader import CameraLost, Capture, DamagedFrame
from edgecls.errors import BadImage

_BACKLOG_S = 5.0  # at most: the clocks of some streams are wrong
_MIN_WAIT_S = 0.005  # a frame that takes less was already there


class CameraSource(LiveSource):
    """The newest frame of a V4L2 device, an RTSP stream or an HTTP camera. See `LiveSource`."""

    def __init__(self, settings: CameraSettings) -> None:
        super().__init__(settings, lambda: _open(settings))


class _OpenCvCapture:
    """A `Capture` that uses cv2.VideoCapture."""

    pause = 0.0

    def __init__(self, capture: cv2.VideoCapture, stall_seconds: float, *, is_undecoded: bool = False) -> None:
        self.capture = capture
        self._is_undecoded = is_undecoded
        self._stall_seconds = stall_seconds

    def grab(self) -> None:
        """See `Capture.grab`. `isOpened()` is no help: it stays true when a camera is unplugged."""
        begun = time.monotonic()
        if not self.capture.grab():
            waited = time.monotonic() - begun
            stalled = waited >= 0.9 * self._stall_seconds
            raise CameraLost(f"no frame for {waited:.0f} s" if stalled else "it stopped sending frames")

    def retrieve(self) -> NDArray[np.uint8] | None:
        """See `Capture.retrieve`."""
        done, image = self.capture.retrieve()
        if not done or image is None:
            return None
        if self._is_undecoded and image.ndim == 2:  # one row of bytes
            try:
                return decode_frame(image)
            except BadImage as error:
                raise DamagedFrame(str(error)) from error
        if image.ndim == 3 and image.shape[2] == 3:
            return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]
        # OpenCV returns one row of bytes if it does not know the pixel format.
        raise CameraLost(f"OpenCV cannot decode its frames, of shape {image.shape}: set another source.pixel_format")

    def close(self) -> None:
        """See `Capture.close`."""
        self.capture.release()


def _open(settings: CameraSettings) -> Capture:
    """Open the camera. Raises CameraLost."""
    silence_video_logs()
    if settings.is_stream:
        try:
            return _open_stream(settings)
        except CameraLost:
            raise
        except Exception as error:  # noqa: BLE001 - any exception means that the camera is lost
            # The text of an unforeseen exception may contain the address, with its password.
            raise CameraLost(f"opening it failed ({type(error).__name__})") from None
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
            "no video stream at this address: check address, user and password (in user and password write %2F for /, "
            "%3F for ?, %23 for #, %40 for @)"
        )
    is_undecoded = leave_undecoded(capture)
    _skip_backlog(capture)
    return _OpenCvCapture(capture, settings.stall_seconds, is_undecoded=is_undecoded)


def _skip_backlog(capture: Any) -> None:
    """Skip the frames that arrived while FFmpeg analysed the stream. They may be some seconds old.

    Those frames come at once. For the first live frame one has to wait, about as long as the stream's clock says
    between two frames. That clock may stand still: the first two frames of an RTSP stream are both at 0.
    """
    deadline = time.monotonic() + _BACKLOG_S
    before = None
    while (begun := time.monotonic()) < deadline and capture.grab():
        waited, position = time.monotonic() - begun, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if before is not None and waited >= max((position - before) / 2, _MIN_WAIT_S):
            return
        before = position


def _open_device(path: str, settings: CameraSettings) -> _OpenCvCapture:
    if not os.path.exists(path):
        raise CameraLost(f"{path} does not exist: plug the camera in, or see `v4l2-ctl --list-devices`")
    if not os.access(path, os.R_OK | os.W_OK):
        raise CameraLost(f"no permission to use {path}: add the user to the group `video`")
    capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
    if not capture.isOpened():
        capture.release()
        raise CameraLost(f"{path} is not a camera, or another program is using it")
    try:
        _request_format(capture, settings)
    except CameraLost:
        capture.release()
        raise
    # Undecoded, so that a frame that a USB camera cut off is noticed. OpenCV would fill its second half with grey.
    is_jpeg = settings.pixel_format in ("MJPG", "JPEG") and capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    return _OpenCvCapture(capture, settings.stall_seconds, is_undecoded=bool(is_jpeg))


def _request_format(capture: Any, settings: CameraSettings) -> None:
    """Set pixel format, size and rate. Raises CameraLost if the camera does not take the pixel format.

    The driver may round size and rate. Without a request, OpenCV takes the first of its formats that the driver has.
    If that is BGR3, as with vivid, it returns rows of bytes; it replaces a missing format silently in the same way.
    """
    requested = cv2.VideoWriter.fourcc(*settings.pixel_format)
    capture.set(cv2.CAP_PROP_FOURCC, requested)
    for name, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, settings.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, settings.height),
        (cv2.CAP_PROP_FPS, settings.fps),
    ):
        if value is not None:
            capture.set(name, value)
    actual = int(capture.get(cv2.CAP_PROP_FOURCC))
    if actual != requested:
        code = actual.to_bytes(4, "little", signed=True).decode("latin-1")
        raise CameraLost(
            f"its pixel format is {code!r} instead of {settings.pixel_format!r}: set source.pixel_format to one that "
            "`v4l2-ctl --list-formats` lists"
        )
