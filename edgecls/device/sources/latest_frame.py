"""Where a camera's reader leaves frames for whoever classifies them: one place, newest wins."""

import threading
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class CapturedFrame(NamedTuple):
    """Pixels, uint8 (height, width, 3) RGB, and when they were captured (aware, UTC)."""

    pixels: NDArray[np.uint8]
    captured_at: datetime


class LatestFrame:
    """Holds the newest shot; one that nobody took before the next came is gone, and counted in `dropped`."""

    def __init__(self) -> None:
        self.dropped = 0
        self._shot: CapturedFrame | None = None
        self._filled = threading.Condition()

    def put(self, shot: CapturedFrame) -> None:
        """Replace what is there."""
        with self._filled:
            self.dropped += self._shot is not None
            self._shot = shot
            self._filled.notify_all()

    def take(self, seconds: float) -> CapturedFrame | None:
        """The newest shot, once; None where none comes within `seconds`."""
        with self._filled:
            self._filled.wait_for(lambda: self._shot is not None, seconds)
            shot, self._shot = self._shot, None
            return shot
