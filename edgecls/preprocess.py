"""From an encoded image or a camera frame to the pixels that a model takes.

This is the only copy: training features, calibration, evaluation and the device all call `load_pixels`, so that what
is measured on the workstation is what happens on the device.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.image_header import MAX_PIXELS, check_header


def silence_opencv() -> None:
    """What is wrong with an image becomes an error that names it; OpenCV would log it, nameless, past Python."""
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


silence_opencv()

Fit = Literal["crop", "stretch"]

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}
    | {".avif", ".heic", ".heif"}  # most builds of OpenCV refuse them: better an error that names them than silence
)
"""In lower case: the names by which a folder's images are told from its other files. What decides is the content."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image is made to fit the model. Travels in the model file.

    `fit` is `crop` (the central part that has the model's proportions; what lies outside is not seen) or `stretch`
    (everything is seen, proportions change). `crop` is the share of each side that is kept, 0 < crop <= 1: networks
    pretrained on ImageNet are evaluated on the central 0.875. `channels` is 3 for RGB, 1 for grey.
    """

    width: int
    height: int
    fit: Fit = "crop"
    crop: float = 1.0
    channels: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be: raises ValueError."""
        known = self.fit in get_args(Fit) and self.channels in (1, 3)
        if self.width < 1 or self.height < 1 or not 0 < self.crop <= 1 or not known:
            raise ValueError(f"impossible preprocessing: {self}")


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Encoded image -> uint8 (height, width, 3) in OpenCV's order, BGR.

    Grey becomes three equal channels, 16 bits become 8 (the upper ones), transparency is dropped, EXIF rotation is
    applied, of an animation the first picture is taken. Raises BadImage: for what OpenCV refuses, for a JPEG whose end
    is missing, and, before anything is decoded, for more than `max_pixels` pixels.
    """
    return _imdecode(data, cv2.IMREAD_COLOR, max_pixels)


def check(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Raise BadImage for what `decode` would refuse, at the cost of a decode at an eighth of the size.

    Returns what that gives: uint8 (height / 8, width / 8, 3), BGR; EXIF rotation is not applied to all formats.
    """
    return _imdecode(data, cv2.IMREAD_REDUCED_COLOR_8, max_pixels)


def _imdecode(data: bytes, flags: int, max_pixels: int) -> NDArray[np.uint8]:
    check_header(data, max_pixels)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise BadImage(f"cannot be decoded: {error.err or 'OpenCV refuses it'}") from error
    if image is None:
        raise BadImage("is not an image that OpenCV can decode")
    return image  # type: ignore[return-value]  # OpenCV's stubs say "some array"


def resize(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Uint8 (any height, any width, 3) -> uint8 (spec.height, spec.width, 3); the channels keep their order.

    Area interpolation (the mean over the source pixels) when shrinking, so that detail is averaged and not skipped;
    linear when enlarging, where the area method would repeat pixels.
    """
    view = _centre(image, spec)
    shrinks = view.shape[0] >= spec.height and view.shape[1] >= spec.width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(view, (spec.width, spec.height), interpolation=interpolation)  # type: ignore[return-value]


def _centre(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """The central part of `image` that is kept: a view, nothing is copied."""
    height, width = image.shape[:2]
    if spec.fit == "crop":
        scale = min(height / spec.height, width / spec.width)
        kept_height, kept_width = spec.height * scale, spec.width * scale
    else:
        kept_height, kept_width = float(height), float(width)
    rows = max(1, round(kept_height * spec.crop))
    columns = max(1, round(kept_width * spec.crop))
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def load_pixels(
    image: bytes | NDArray[np.uint8], spec: Preprocessing, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Encoded bytes, or RGB pixels uint8 (height, width, 3) -> uint8 (spec.height, spec.width, channels), contiguous.

    The channels are RGB, or for a grey spec the one is their luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601): grey
    images keep their values. Raises BadImage where the bytes do not decode (see `decode`), or the array is not an RGB
    image.
    """
    # The channels are changed after the resize: a 12-megapixel photograph is 240 times the model's input.
    if isinstance(image, bytes):
        bgr = resize(decode(image, max_pixels), spec)
        code = cv2.COLOR_BGR2GRAY if spec.channels == 1 else cv2.COLOR_BGR2RGB
        return _with_channels(cv2.cvtColor(bgr, code))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadImage(f"is not RGB pixels: expected uint8 (height, width, 3), got {image.dtype} {image.shape}")
    rgb = resize(image, spec)
    return _with_channels(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if spec.channels == 1 else rgb)


def _with_channels(pixels: Any) -> NDArray[np.uint8]:
    """OpenCV's grey images are (height, width); ours (height, width, 1)."""
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
