"""Motion JPEG that FFmpeg hands out as it comes, to be decoded here, where damage is noticed.

FFmpeg paints what is missing of a broken JPEG, and gives the frame as a whole one.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.preprocess import decode_rgb


def leave_undecoded(capture: cv2.VideoCapture) -> bool:
    """Have a newly opened capture leave motion JPEG undecoded; return whether it does."""
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
    return codec == b"MJPG" and capture.set(cv2.CAP_PROP_FORMAT, -1)


def decode_frame(data: NDArray[Any]) -> NDArray[np.uint8]:
    """Decode what such a capture retrieves -> uint8 (height, width, 3), RGB. Raises BadImage for a damaged frame."""
    return decode_rgb(data.tobytes())
