"""The thread that reads a camera, and the one place where it leaves its newest frame.

The reader is a thread, not a process: frames need not be copied, a small board is spared a second Python with OpenCV
(about 60 MB), and the calls that wait can be given a time limit (see `camera.py`). A call that ignores its limit,
stuck in a driver, cannot be ended from outside. The source then raises an error, the daemon ends, and its supervisor
starts a new process without the stuck thread. A second reader is never started beside a stuck one.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

_WAIT_S = 0.25  # at most, so that `leave` and `last_sign` stay current


class CameraLost(Exception):
    """The camera cannot be opened or delivers nothing more. The message completes the sentence "NAME is lost: "."""


class DamagedFrame(Exception):
    """A part of a frame is missing. The message completes the sentence "the frame "."""


class CapturedFrame(NamedTuple):
    """Pixels, uint8 (height, width, 3) RGB, and the time of their capture (aware, UTC)."""

    pixels: NDArray[np.uint8]
    captured_at: datetime


class LatestFrame:
    """A slot for one frame. A new frame replaces one that nobody took; `dropped` counts those that were replaced.

    `damaged` counts the frames that the reader could not decode; `damage` describes the last of them.
    """

    def __init__(self) -> None:
        self.dropped = self.damaged = 0
        self.damage = ""
        self._frame: CapturedFrame | None = None
        self._filled = threading.Condition()

    def put(self, frame: CapturedFrame) -> None:
        """Store a frame in place of the one that is there."""
        with self._filled:
            self.dropped += self._frame is not None
            self._frame = frame
            self._filled.notify_all()

    def take(self, timeout: float) -> CapturedFrame | None:
        """Remove and return the frame. Return None if none comes within `timeout` seconds."""
        with self._filled:
            self._filled.wait_for(lambda: self._frame is not None, timeout)
            frame, self._frame = self._frame, None
            return frame


class Capture(Protocol):
    """An open camera. One thread uses it and closes it.

    `pause` is the number of seconds between two requests for a frame; 0 if the camera sends frames unasked.
    """

    pause: float

    def grab(self) -> None:
        """Wait for the next frame without decoding it. Raises CameraLost if none will come."""
        ...

    def retrieve(self) -> NDArray[np.uint8] | None:
        """Decode the frame just grabbed to uint8 (height, width, 3), RGB.

        Returns None or raises DamagedFrame if it is damaged.
        """
        ...

    def close(self) -> None:
        """Release the camera."""
        ...


class Reader(threading.Thread):
    """Opens a camera and puts its frames into `latest` until `leave` is called or the camera is lost.

    `reason` then says why it ended. `last_sign` is the time, by `time.monotonic`, of the last successful operation;
    `opened_at` is that of the opening. `damage` is what is wrong with the newest frame, or None. Frames before `wanted_at` are
    grabbed, so that the camera's queue stays short, but not decoded.
    """

    def __init__(self, open_capture: Callable[[], Capture], latest: LatestFrame, *, wanted_at: float = 0.0) -> None:
        super().__init__(name="camera reader", daemon=True)
        self.is_open = False
        self.last_sign = self.opened_at = time.monotonic()
        self.has_delivered = False
        self.damage: str | None = None
        self.reason = "its reader ended"
        self.wanted_at = wanted_at
        self._open = open_capture
        self._latest = latest
        self._leave = threading.Event()
        self._asked_at = -math.inf

    def leave(self) -> None:
        """Ask the thread to end. Puts no more frames from now on."""
        self._leave.set()

    def run(self) -> None:
        """Read frames. Never raises: any exception of a driver or its Python binding means that the camera is lost."""
        try:
            with closing(self._open()) as capture:
                self.is_open = True
                self.last_sign = self.opened_at = time.monotonic()
                while not self._leave.is_set():
                    self._read(capture)
        except CameraLost as lost:
            self.reason = str(lost)
        except Exception as error:  # noqa: BLE001 - see above
            self.reason = " ".join([type(error).__name__, *str(error).split()])

    def _read(self, capture: Capture) -> None:
        if capture.pause and self._pauses(capture.pause):
            return
        capture.grab()
        captured_at = datetime.now(timezone.utc)
        now = time.monotonic()
        if now < self.wanted_at:
            self.last_sign = now
            return
        try:
            pixels, damage = capture.retrieve(), "cannot be decoded"
        except DamagedFrame as error:
            pixels, damage = None, str(error)
        if pixels is None:
            self.damage = self._latest.damage = damage
            self._latest.damaged += 1
        elif not self._leave.is_set():
            self.damage = None
            self.last_sign = now
            self.has_delivered = True  # set before the frame is there, so that whoever takes the frame sees it
            self._latest.put(CapturedFrame(pixels, captured_at))

    def _pauses(self, pause: float) -> bool:
        """Wait a moment if it is too early for the next request. Return whether it was."""
        now = time.monotonic()
        remaining = max(self._asked_at + pause, self.wanted_at) - now
        if remaining <= 0:
            self._asked_at = now
            return False
        self.last_sign = now
        self._leave.wait(min(remaining, _WAIT_S))
        return True
