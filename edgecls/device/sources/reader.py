"""The thread that reads a camera, and what it needs of one.

A thread and not a process: a camera's frames stay where they are, a small board is spared a second Python with OpenCV
(some 60 MB), and the calls that wait can be told to give up by themselves (see `camera.py`). One that does not, stuck
in a driver, cannot be ended from outside; then the source gives up, the daemon ends, and whatever restarts it has a
process without a stuck thread. So there is never a second reader beside a stuck one.
"""

import math
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgecls.device.sources.latest_frame import CapturedFrame, LatestFrame

_NAP = 0.25  # seconds between signs of life


class CameraLost(Exception):
    """It cannot be opened, or gives nothing any more. The message is a reason to be put behind "is lost: "."""


class DamagedFrame(Exception):
    """A frame came of which a part is missing. The message says what is wrong with it."""


class Capture(Protocol):
    """An open camera. May be used, and must be closed, by one thread only."""

    pause: float
    """seconds from one request for a frame to the next; 0 where frames come unasked"""

    def grab(self) -> None:
        """Wait for the next frame, at little cost. Raises CameraLost where none will come."""
        ...

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The frame just grabbed, uint8 (height, width, 3) RGB; None, or DamagedFrame is raised, where it is damaged."""
        ...

    def close(self) -> None:
        """Give the camera back."""
        ...


class Reader(threading.Thread):
    """Opens a camera and reads it until told to leave, or until it is lost; then `reason` says why.

    Frames go to `place`. Before the moment `wanted_at` (by `time.monotonic`) they are grabbed, so that the camera's
    queue does not grow old, but not decoded.
    """

    def __init__(self, open_capture: Callable[[], Capture], place: LatestFrame, *, wanted_at: float = 0.0) -> None:
        super().__init__(name="camera reader", daemon=True)
        self.is_open = False
        self.last_sign = time.monotonic()
        """when the camera last did what was asked of it"""
        self.gave_a_frame = False
        self.damaged = 0
        self.damage = "cannot be decoded"
        """what was wrong with the last damaged frame"""
        self.reason = "its reader ended"
        self.wanted_at = wanted_at
        self._open = open_capture
        self._place = place
        self._leave = threading.Event()
        self._asked_at = -math.inf

    def leave(self) -> None:
        """End at the next opportunity; nothing more is put into the place."""
        self._leave.set()

    def run(self) -> None:
        """Never raises: whatever a driver or its Python binding throws, the camera is lost, and why is said."""
        try:
            with closing(self._open()) as capture:
                self.is_open = True
                self.last_sign = time.monotonic()
                while not self._leave.is_set():
                    self._read(capture)
        except CameraLost as lost:
            self.reason = str(lost)
        except Exception as error:  # noqa: BLE001 - see above
            self.reason = " ".join([type(error).__name__, *str(error).split()])

    def _read(self, capture: Capture) -> None:
        if capture.pause and self._rests(capture.pause):
            return
        capture.grab()
        captured_at = datetime.now(timezone.utc)
        now = time.monotonic()
        if now < self.wanted_at:
            self.last_sign = now
            return
        try:
            pixels = capture.retrieve()
        except DamagedFrame as error:
            pixels, self.damage = None, str(error)
        if pixels is None:
            self.damaged += 1
        elif not self._leave.is_set():
            self.last_sign = now
            self.gave_a_frame = True  # before the frame: who takes it finds it said
            self._place.put(CapturedFrame(pixels, captured_at))

    def _rests(self, pause: float) -> bool:
        """Wait a moment if it is too early to ask for the next frame, and return whether it was."""
        now = time.monotonic()
        left = max(self._asked_at + pause, self.wanted_at) - now
        if left <= 0:
            self._asked_at = now
            return False
        self.last_sign = now
        self._leave.wait(min(left, _NAP))
        return True
