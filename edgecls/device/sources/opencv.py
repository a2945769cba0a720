"""OpenCV as a reader of cameras and videos: silent, and strict about damaged motion JPEG."""

import os
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.preprocess import decode_rgb, silence_opencv


def silence_video_logs() -> None:
    """Switch off the messages of OpenCV and FFmpeg on stderr.

    They bypass the log level, repeat for each failed attempt and each damaged frame, and show addresses with their
    passwords. The sources log the same facts once. Environment variables that ask for these messages are overruled.
    FFmpeg reads its variable when the process opens its first stream.
    """
    silence_opencv()
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # AV_LOG_QUIET
    for variable in ("OPENCV_FFMPEG_DEBUG", "OPENCV_VIDEOIO_DEBUG"):
        os.environ.pop(variable, None)


def leave_undecoded(capture: cv2.VideoCapture) -> bool:
    """Make a newly opened capture return motion JPEG undecoded. Return whether it does.

    FFmpeg fills in the missing part of a broken JPEG and returns the frame as if it were whole.
    """
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
    return codec == b"MJPG" and capture.set(cv2.CAP_PROP_FORMAT, -1)


def decode_frame(data: NDArray[Any]) -> NDArray[np.uint8]:
    """Decode a frame of an undecoded capture to uint8 (height, width, 3), RGB. Raises BadImage if it is damaged."""
    return decode_rgb(data.tobytes())
