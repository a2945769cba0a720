"""Helpers for camera tests: collected frames, small videos, and a camera that fails on demand."""

import threading
import time
from contextlib import contextmanager

import cv2
import numpy as np
from pictures import plain

from edgecls.device.sources.opencv import silence_video_logs
from edgecls.device.sources.reader import CameraLost

silence_video_logs()  # FFmpeg's level is that of its first use in the process


@contextmanager
def collecting(source):
    """Collect frames in a thread, as the daemon does: (frames, Nones so far, the stop event)."""
    stop, frames, signs = threading.Event(), [], []
    with source:

        def take():
            while not stop.is_set():
                frame = source.next_frame()
                (signs if frame is None else frames).append(frame)

        taker = threading.Thread(target=take)
        taker.start()
        try:
            yield frames, signs, stop
        finally:
            stop.set()
            taker.join()


def number(frame):
    """Return the number that a numbered picture shows."""
    return round(float(frame.image.mean()) / 10)


def numbered(n, width=64, height=48):
    """Return a grey picture that shows its number, 0 to 25, through any codec."""
    return plain((n * 10,) * 3, width, height)


def write_video(path, pictures, fps=10.0):
    """Write an AVI of JPEGs; pictures are RGB, of one size."""
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


class StandInCamera:
    """A camera without hardware that fails on demand. A call opens it.

    For the moments that no real device here can be brought into: a read that does not return, above all.
    """

    pause = 0.0

    def __init__(self, seconds=0.01):
        self.seconds = seconds
        self.opened = self.taken = self.released = 0
        self.reason = None
        """why it cannot be opened or read, or None"""
        self.goes_on = threading.Event()
        """while this is not set, a read does not return"""
        self.goes_on.set()
        self.blank = False
        """whether frames are damaged"""
        self.light = 20
        self.left = -1
        """how many frames it still has; under 0, any number"""

    def __call__(self):
        self._check()
        self.opened += 1
        return self

    def _check(self):
        self.goes_on.wait()
        if self.reason:
            raise CameraLost(self.reason)

    def grab(self):
        time.sleep(self.seconds)
        self._check()
        if not self.left:
            raise CameraLost("used up")
        self.left -= 1
        self.taken += 1

    def retrieve(self):
        return None if self.blank else np.full((4, 6, 3), self.light, np.uint8)

    def close(self):
        self.released += 1
