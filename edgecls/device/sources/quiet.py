"""OpenCV and FFmpeg keep their remarks to themselves."""

import os

from edgecls.preprocess import silence_opencv


def quiet() -> None:
    """Each failed attempt to open a camera, and each damaged frame, would put lines on stderr past any log level.

    What they come to is logged by the sources, once. FFmpeg's level is read when the first stream is opened in the
    process; set in the environment, it stays as it is.
    """
    silence_opencv()
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
