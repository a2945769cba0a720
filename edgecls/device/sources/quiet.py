"""OpenCV and FFmpeg keep their remarks to themselves."""

import os

from edgecls.images.preprocess import silence_opencv


def quiet() -> None:
    """Each failed attempt to open a camera, and each damaged frame, would put lines on stderr past any log level.

    What they come to is logged by the sources, once. These lines also show addresses, with their passwords. So what
    the environment asks for does not count. It is read when the first stream is opened in the process.
    """
    silence_opencv()
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # AV_LOG_QUIET
    for variable in ("OPENCV_FFMPEG_DEBUG", "OPENCV_VIDEOIO_DEBUG"):
        os.environ.pop(variable, None)
