"""From an encoded image or a camera frame to the pixels that a model takes.

This is the only copy: training features, calibration, evaluation and the device all call `load_pixels`, so that what
is measured on the workstation is what happens on the device.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.image_header import MAX_PIXELS, Size, check_header, is_jpeg


def silence_opencv() -> None:
    """What is wrong with an image becomes an error that names it; OpenCV would log it, nameless, past Python."""
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


silence_opencv()

Fit = Literal["crop", "stretch"]

COVER = 2.0
"""So many pixels of a reduced picture, or more, for one of the model's, in each direction: see `reduction`."""
FULL = math.inf
"""The cover that no reduced picture has: JPEGs are decoded in full."""


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
    check_header(data, max_pixels)
    return _imdecode(data)


def check(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Raise BadImage for what `decode` would refuse, at the cost of a decode at an eighth of the size.

    Returns what that gives: uint8 (height / 8, width / 8, 3), BGR; EXIF rotation is not applied to all formats.
    """
    check_header(data, max_pixels)
    return _imdecode(data, 8)


_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def _imdecode(data: bytes, scale: int = 1) -> NDArray[np.uint8]:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[scale])
    except cv2.error as error:
        raise BadImage(f"cannot be decoded: {error.err or 'OpenCV refuses it'}") from error
    if image is None:
        raise BadImage("is not an image that OpenCV can decode")
    return image  # type: ignore[return-value]  # OpenCV's stubs say "some array"


def reduction(size: Size, spec: Preprocessing, cover: float = COVER) -> int:
    """By how much a JPEG of this (width, height) is made smaller while it is decoded: 8, 4, 2 or 1.

    libjpeg leaves the high frequencies of its 8 x 8 blocks out, which costs less than to compute pixels and average
    them. The greatest reduction is taken after which the part of the picture that is kept has `cover` pixels, or more,
    for one of the model's, in each direction; and that if the picture were turned too, as EXIF may say.
    """
    width, height = size
    parts = _kept(height, width, spec), _kept(width, height, spec)
    return next(
        (
            scale
            for scale in (8, 4, 2)
            if all(p.rows // scale >= cover * spec.height and p.columns // scale >= cover * spec.width for p in parts)
        ),
        1,
    )


def resize(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Uint8 (any height, any width, 3) -> uint8 (spec.height, spec.width, 3); the channels keep their order.

    Area interpolation (the mean over the source pixels) when shrinking, so that detail is averaged and not skipped;
    linear when enlarging, where the area method would repeat pixels.
    """
    height, width = image.shape[:2]
    return _shrink(_kept(height, width, spec).of(image), spec)


def _shrink(view: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    shrinks = view.shape[0] >= spec.height and view.shape[1] >= spec.width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(view, (spec.width, spec.height), interpolation=interpolation)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class _Part:
    """A rectangle of a picture, in its pixels."""

    top: int
    left: int
    rows: int
    columns: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A view, nothing is copied."""
        return image[self.top : self.top + self.rows, self.left : self.left + self.columns]


def _kept(height: int, width: int, spec: Preprocessing) -> _Part:
    """The central part of a picture that is kept."""
    if spec.fit == "crop":
        scale = min(height / spec.height, width / spec.width)
        kept_height, kept_width = spec.height * scale, spec.width * scale
    else:
        kept_height, kept_width = float(height), float(width)
    rows = max(1, round(kept_height * spec.crop))
    columns = max(1, round(kept_width * spec.crop))
    return _Part((height - rows) // 2, (width - columns) // 2, rows, columns)


def load_pixels(
    image: bytes | NDArray[np.uint8], spec: Preprocessing, max_pixels: int = MAX_PIXELS, *, cover: float = COVER
) -> NDArray[np.uint8]:
    """Encoded bytes, or RGB pixels uint8 (height, width, 3) -> uint8 (spec.height, spec.width, channels), contiguous.

    The channels are RGB, or for a grey spec the one is their luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601): grey
    images keep their values. A large JPEG is decoded at a half, a quarter or an eighth of its size where that is enough
    for `cover`, see `reduction`; `FULL` decodes it in full. Raises BadImage where the bytes do not decode (see
    `decode`), or the array is not an RGB image.
    """
    # The channels are changed after the resize: a 12-megapixel photograph is 240 times the model's input.
    if isinstance(image, bytes):
        bgr = _decode_to_fit(image, spec, check_header(image, max_pixels), cover)
        code = cv2.COLOR_BGR2GRAY if spec.channels == 1 else cv2.COLOR_BGR2RGB
        return _with_channels(cv2.cvtColor(bgr, code))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadImage(f"is not RGB pixels: expected uint8 (height, width, 3), got {image.dtype} {image.shape}")
    rgb = resize(image, spec)
    return _with_channels(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if spec.channels == 1 else rgb)


def _decode_to_fit(data: bytes, spec: Preprocessing, size: Size, cover: float) -> NDArray[np.uint8]:
    """Encoded image of this (width, height) -> uint8 (spec.height, spec.width, 3), BGR."""
    scale = reduction(size, spec, cover) if is_jpeg(data) else 1
    image = _imdecode(data, scale)
    if scale > 1:
        for width, height in (size, size[::-1]):  # as it is, or turned by EXIF
            if image.shape[:2] == (-(-height // scale), -(-width // scale)):
                return _shrink(_draw(image, _kept(height, width, spec), scale, spec), spec)
        image = _imdecode(data)  # what is decoded is not what the header speaks of: a file of several pictures
    return resize(image, spec)


def _draw(reduced: NDArray[np.uint8], part: _Part, scale: int, spec: Preprocessing) -> NDArray[np.uint8]:
    """A `part` of the full picture, of which `reduced` is a `scale`-th, at once, twice, four times ... the model's size.

    The edges of what is kept lie between the pixels of `reduced`. Cut at the nearest ones, the picture would be moved by
    up to half a pixel, which changes the model's input more than the reduction does; so it is interpolated, linearly.
    The size is the next below what there is: whole pixels are averaged from there, two by two for the most part.
    """
    height, width = part.rows / scale, part.columns / scale
    rows, columns = spec.height * _power_of_two(height / spec.height), spec.width * _power_of_two(width / spec.width)
    down, right = height / rows, width / columns
    # Pixels are squares: the centre of the first one is half a pixel from the edge.
    x, y = part.left / scale + right / 2 - 0.5, part.top / scale + down / 2 - 0.5
    return cv2.warpAffine(  # type: ignore[return-value]  # OpenCV's stubs say "some array"
        reduced,
        np.array([[right, 0, x], [0, down, y]]),
        (columns, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _power_of_two(ratio: float) -> int:
    """The greatest that is no larger; 1 at least."""
    return 1 << max(0, int(ratio).bit_length() - 1)


def _with_channels(pixels: Any) -> NDArray[np.uint8]:
    """OpenCV's grey images are (height, width); ours (height, width, 1)."""
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
