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
from edgecls.images.depth import Samples, White, may_be_deep, stated_white, to_eight_bits
from edgecls.images.image_header import MAX_PIXELS, Size, check_header, is_jpeg
from edgecls.images.native_decode import imdecode


def silence_opencv() -> None:
    """What is wrong with an image becomes an error that names it; OpenCV would log it, nameless, past Python."""
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


silence_opencv()

Fit = Literal["crop", "stretch", "pad"]

PADDING = 127
"""Grey level of what `pad` puts beside a picture. Networks take (pixel - mean) / std with a mean near 127, so that this
becomes about 0, with which their convolutions surround the picture anyway."""

MUCH_UNSEEN = 0.26
"""Share of a picture's area: a little more than a square leaves out of 4 : 3, the usual shape of photographs."""

COVER = 2.0
"""So many pixels of a reduced picture, or more, for one of the model's, in each direction: see `reduction`."""
FULL = math.inf
"""The cover that no reduced picture has: JPEGs are decoded in full."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image is made to fit the model. Travels in the model file.

    `fit` is `crop` (the central part that has the model's proportions; what lies outside is not seen), `stretch`
    (everything is seen, proportions change) or `pad` (everything is seen, in its proportions, with grey beside it).
    `crop` is the share of each side of what `fit` keeps that is seen, 0 < crop <= 1: networks pretrained on ImageNet are
    evaluated on the central 0.875. `channels` is 3 for RGB, 1 for grey. `white8` and `white16` are the values that are
    white in files of 8 and 16 bits a sample, see `depth.White`; RGB pixels are not scaled.
    """

    width: int
    height: int
    fit: Fit = "crop"
    crop: float = 1.0
    channels: int = 3
    white8: int = 255
    white16: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be: raises ValueError."""
        known = self.fit in get_args(Fit) and self.channels in (1, 3)
        if self.width < 1 or self.height < 1 or not 0 < self.crop <= 1 or not known:
            raise ValueError(f"impossible preprocessing: {self}")
        White(self.white8, self.white16)

    @property
    def white(self) -> White:
        """The values that become 255."""
        return White(self.white8, self.white16)


def decode(data: bytes, max_pixels: int = MAX_PIXELS, white: White | None = None) -> NDArray[np.uint8]:
    """Encoded image -> uint8 (height, width, 3) in OpenCV's order, BGR.

    Grey becomes three equal channels, other depths become 8 bits (see `depth.to_eight_bits`: without `white` a 16-bit
    picture is scaled by its own values), what is transparent is painted (see `transparency.paint`), the picture is
    turned as the file says, of an animation the first picture is taken. Raises BadImage: for what OpenCV refuses, for
    signed and floating-point samples, for a JPEG of which a part is missing, and, before anything is decoded, for more
    than `max_pixels` pixels.
    """
    return to_eight_bits(decode_samples(data, max_pixels), white)


def check(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Raise BadImage for what `decode` would refuse, at the cost of a decode at an eighth of the size.

    Returns what that gives: uint8 (height / 8, width / 8, 3), BGR. Of a picture with a side below 8 pixels, an eighth
    would be nothing: it comes in full.
    """
    return to_eight_bits(decode_samples(data, max_pixels, 8), None)


def decode_samples(data: bytes, max_pixels: int = MAX_PIXELS, scale: int = 1) -> Samples:
    """Encoded image -> its samples as they are, made smaller by `scale` (1, 2, 4 or 8). Raises BadImage as `decode`.

    A picture of which a side is below `scale` comes in full.
    """
    size = check_header(data, max_pixels)
    return _imdecode(data, scale if min(size) >= scale else 1)


_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def _imdecode(data: bytes, scale: int = 1, remarks: list[str] | None = None) -> Samples:
    # Of 16 bits, OpenCV would give the upper 8, and of signed ones whatever these are.
    depth = cv2.IMREAD_ANYDEPTH if may_be_deep(data) else 0
    image, made = imdecode(data, _REDUCED[scale] | depth)
    if remarks is not None:
        remarks[:] = made
    return Samples(image, stated_white(data))


def reduction(size: Size, spec: Preprocessing, cover: float = COVER) -> int:
    """By how much a JPEG of this (width, height) is made smaller while it is decoded: 8, 4, 2 or 1.

    libjpeg leaves the high frequencies of its 8 x 8 blocks out, which costs less than to compute pixels and average
    them. The greatest reduction is taken after which the part of the picture that is kept has `cover` pixels, or more,
    for one of the model's that it fills, in each direction; and that if the picture were turned too, as EXIF may say.
    """
    width, height = size
    parts = _kept(height, width, spec), _kept(width, height, spec)
    return next(
        (
            scale
            for scale in (8, 4, 2)
            if all(
                kept // scale >= cover * filled
                for part in parts
                for kept, filled in zip((part.rows, part.columns), _filled(part, spec), strict=True)
            )
        ),
        1,
    )


def seen_share(size: Size, spec: Preprocessing) -> float:
    """Return the share of a picture of this (width, height) that the model sees, by area, 0 to 1."""
    width, height = size
    part = _kept(height, width, spec)
    return part.rows * part.columns / (width * height)


def resize(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Uint8 (any height, any width, 3) -> uint8 (spec.height, spec.width, 3); the channels keep their order.

    Area interpolation (the mean over the source pixels) when shrinking, so that detail is averaged and not skipped;
    linear when enlarging, where the area method would repeat pixels. In each direction by itself: a wide picture may be
    shrunk in one and enlarged in the other.
    """
    height, width = image.shape[:2]
    part = _kept(height, width, spec)
    return _pad(_shrink(part.of(image), *_filled(part, spec)), spec)


def _shrink(view: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    smaller = min(columns, view.shape[1]), min(rows, view.shape[0])
    shrunk = cv2.resize(view, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (columns, rows):
        shrunk = cv2.resize(shrunk, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return shrunk  # type: ignore[return-value]  # OpenCV's stubs say "some array"


def _pad(pixels: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Grey beside what is smaller than the model's input, on both sides alike."""
    rows, columns = spec.height - pixels.shape[0], spec.width - pixels.shape[1]
    if not rows and not columns:
        return pixels
    top, left = rows // 2, columns // 2
    grey = (PADDING, PADDING, PADDING)
    edges = top, rows - top, left, columns - left
    return cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_CONSTANT, value=grey)  # type: ignore[return-value]


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


def _filled(part: _Part, spec: Preprocessing) -> tuple[int, int]:
    """(rows, columns) of the model's input that a part fills: all, but with `pad`, which keeps its proportions."""
    if spec.fit != "pad":
        return spec.height, spec.width
    scale = min(spec.height / part.rows, spec.width / part.columns)
    return max(1, round(part.rows * scale)), max(1, round(part.columns * scale))


def load_pixels(
    image: bytes | NDArray[np.uint8],
    spec: Preprocessing,
    max_pixels: int = MAX_PIXELS,
    *,
    cover: float = COVER,
    remarks: list[str] | None = None,
) -> NDArray[np.uint8]:
    """Encoded bytes, or RGB pixels uint8 (height, width, 3) -> uint8 (spec.height, spec.width, channels), contiguous.

    The channels are RGB, or for a grey spec the one is their luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601): grey
    images keep their values. A large JPEG is decoded at a half, a quarter or an eighth of its size where that is enough
    for `cover`, see `reduction`; `FULL` decodes it in full. `remarks` receives what the decoder remarked although the
    picture is whole. Raises BadImage where the bytes do not decode (see `decode`), or the array is not an RGB image.
    """
    # The channels are changed after the resize: a 12-megapixel photograph is 240 times the model's input.
    if isinstance(image, bytes):
        bgr = _decode_to_fit(image, spec, check_header(image, max_pixels), cover, remarks)
        code = cv2.COLOR_BGR2GRAY if spec.channels == 1 else cv2.COLOR_BGR2RGB
        return _with_channels(cv2.cvtColor(bgr, code))
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadImage(f"is not RGB pixels: expected uint8 (height, width, 3), got {image.dtype} {image.shape}")
    rgb = resize(image, spec)
    return _with_channels(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if spec.channels == 1 else rgb)


def _decode_to_fit(
    data: bytes, spec: Preprocessing, size: Size, cover: float, remarks: list[str] | None
) -> NDArray[np.uint8]:
    """Encoded image of this (width, height) -> uint8 (spec.height, spec.width, 3), BGR."""
    scale = reduction(size, spec, cover) if is_jpeg(data) else 1
    image = to_eight_bits(_imdecode(data, scale, remarks), spec.white)
    if scale > 1:
        for width, height in (size, size[::-1]):  # as it is, or turned by EXIF
            if image.shape[:2] == (-(-height // scale), -(-width // scale)):
                part = _kept(height, width, spec)
                filled = _filled(part, spec)
                return _pad(_shrink(_draw(image, part, scale, filled), *filled), spec)
        # What is decoded is not what the header speaks of: a file of several pictures.
        image = to_eight_bits(_imdecode(data), spec.white)
    return resize(image, spec)


def _draw(reduced: NDArray[np.uint8], part: _Part, scale: int, filled: tuple[int, int]) -> NDArray[np.uint8]:
    """A `part` of the full picture, of which `reduced` is a `scale`-th, at once, twice ... the size that it fills.

    The edges of what is kept lie between the pixels of `reduced`. Cut at the nearest ones, the picture would be moved by
    up to half a pixel, which changes the model's input more than the reduction does; so it is interpolated, linearly.
    The size is the next below what there is: whole pixels are averaged from there, two by two for the most part.
    """
    height, width = part.rows / scale, part.columns / scale
    rows, columns = filled[0] * _power_of_two(height / filled[0]), filled[1] * _power_of_two(width / filled[1])
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
