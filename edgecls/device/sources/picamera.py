"""The CSI camera of a Raspberry Pi, through picamera2."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.source_settings import PicameraSettings
from edgecls.device.sources.live import LiveSource
from edgecls.device.sources.reader import CameraLost
from edgecls.errors import BadConfig


class PicameraSource(LiveSource):
    """The newest frame of a CSI camera. See `LiveSource`. Raises BadConfig if picamera2 is not installed."""

    def __init__(self, settings: PicameraSettings) -> None:
        picamera2 = _import_picamera2()
        super().__init__(settings, lambda: _PicameraCapture(picamera2, settings))


def _import_picamera2() -> Any:
    try:
        return import_module("picamera2")
    except ImportError as error:
        if error.name != "picamera2":
            raise BadConfig(f"picamera2 cannot be imported ({error}): sudo apt install python3-picamera2") from error
        raise BadConfig(
            "picamera2 is not installed: sudo apt install python3-picamera2 "
            "(a virtual environment finds it only if it was created with --system-site-packages)"
        ) from error


class _PicameraCapture:
    """A `Capture` that uses Picamera2. The reader turns the exceptions of Picamera2 into the reason of the loss."""

    pause = 0.0

    def __init__(self, picamera2: Any, settings: PicameraSettings) -> None:
        self._stall_seconds = settings.stall_seconds
        self._request: Any = None
        self._camera = picamera2.Picamera2(settings.camera)
        try:
            self._camera.configure(_configuration(self._camera, settings))
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise

    def grab(self) -> None:
        """See `Capture.grab`."""
        self._release_request()
        try:
            self._request = self._camera.capture_request(wait=self._stall_seconds)
        except TimeoutError as error:
            raise CameraLost(f"no frame for {self._stall_seconds:.0f} s") from error

    def retrieve(self) -> NDArray[np.uint8] | None:
        """See `Capture.retrieve`."""
        pixels: NDArray[np.uint8] = self._request.make_array("main")
        return pixels

    def close(self) -> None:
        """See `Capture.close`."""
        self._release_request()
        self._camera.stop()
        self._camera.close()

    def _release_request(self) -> None:
        """Release the last request: it occupies one of the camera's few buffers."""
        request, self._request = self._request, None
        if request is not None:
            request.release()


def _configuration(camera: Any, settings: PicameraSettings) -> Any:
    main: dict[str, Any] = {"format": "BGR888"}  # libcamera names formats by bit order: these bytes come as R, G, B
    if settings.width and settings.height:
        main["size"] = (settings.width, settings.height)
    return camera.create_video_configuration(main=main, controls={"FrameRate": settings.fps} if settings.fps else {})
