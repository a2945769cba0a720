"""Decide which part of a picture a model sees, at which scale it is decoded, and resize it to the model's input."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.images.depth import White
from edgecls.images.image_header import Size

Fit = Literal["crop", "stretch", "pad"]

PADDING = 127
"""Grey level that `pad` puts beside a picture. Networks compute (pixel - mean) / std with a mean near 127, so this becomes
about 0, the value with which their convolutions pad as well."""

MUCH_UNSEEN = 0.26
"""Share of a picture's area: a little more than a square leaves out of 4:3, the usual shape of photographs."""

COVER = 2.0
"""Pixels of a reduced picture for each pixel of the model's input, in each direction, at least: see `reduction`."""
FULL = math.inf
"""The cover that no reduced picture reaches: JPEGs are decoded in full."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The settings by which an image is fitted to the model. Stored in the model file.

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
        """Raise ValueError for impossible values."""
        known = self.fit in get_args(Fit) and self.channels in (1, 3)
        if self.width < 1 or self.height < 1 or not 0 < self.crop <= 1 or not known:
            raise ValueError(f"impossible preprocessing: {self}")
        White(self.white8, self.white16)

    @property
    def white(self) -> White:
        """Return the values that become 255."""
        return White(self.white8, self.white16)


def reduction(size: Size, spec: Preprocessing, cover: float = COVER) -> int:
    """Return the factor by which a JPEG of this (width, height) is reduced while it is decoded: 8, 4, 2 or 1.

    libjpeg leaves out the high frequencies of its 8 x 8 blocks, which costs less than computing pixels and averaging
    them. The factor is the greatest one that leaves at least `cover` pixels of the visible part for each pixel of the
    model's input, in each direction, whether or not EXIF turns the picture.
    """
    width, height = size
    parts = _visible_part(height, width, spec), _visible_part(width, height, spec)
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
    part = _visible_part(height, width, spec)
    return part.rows * part.columns / (width * height)


def resize(image: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Resize uint8 (any height, any width, 3) to uint8 (spec.height, spec.width, 3), channels in the same order.

    Shrinking averages over the area, so that no detail is skipped. Enlarging is linear, where the area method would
    repeat pixels. The directions are independent: a wide picture may be shrunk in one and enlarged in the other.
    """
    height, width = image.shape[:2]
    part = _visible_part(height, width, spec)
    return _pad(_shrink(part.of(image), *_filled(part, spec)), spec)


def _shrink(view: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    smaller = min(columns, view.shape[1]), min(rows, view.shape[0])
    shrunk = cv2.resize(view, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (columns, rows):
        shrunk = cv2.resize(shrunk, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return shrunk  # type: ignore[return-value]  # OpenCV's stubs say "some array"


def _pad(pixels: NDArray[np.uint8], spec: Preprocessing) -> NDArray[np.uint8]:
    """Put grey on both sides of what is smaller than the model's input."""
    rows, columns = spec.height - pixels.shape[0], spec.width - pixels.shape[1]
    if not rows and not columns:
        return pixels
    top, left = rows // 2, columns // 2
    grey = (PADDING, PADDING, PADDING)
    edges = top, rows - top, left, columns - left
    return cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_CONSTANT, value=grey)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class _Part:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    rows: int
    columns: int

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a view of the rectangle."""
        return image[self.top : self.top + self.rows, self.left : self.left + self.columns]


def _visible_part(height: int, width: int, spec: Preprocessing) -> _Part:
    """Return the central part of a picture that the model sees."""
    if spec.fit == "crop":
        scale = min(height / spec.height, width / spec.width)
        kept_height, kept_width = spec.height * scale, spec.width * scale
    else:
        kept_height, kept_width = float(height), float(width)
    rows = max(1, round(kept_height * spec.crop))
    columns = max(1, round(kept_width * spec.crop))
    return _Part((height - rows) // 2, (width - columns) // 2, rows, columns)


def _filled(part: _Part, spec: Preprocessing) -> tuple[int, int]:
    """Return (rows, columns) of the model's input that a part fills: all of them, except with `pad`."""
    if spec.fit != "pad":
        return spec.height, spec.width
    scale = min(spec.height / part.rows, spec.width / part.columns)
    return max(1, round(part.rows * scale)), max(1, round(part.columns * scale))


def resize_reduced(image: NDArray[np.uint8], size: Size, scale: int, spec: Preprocessing) -> NDArray[np.uint8]:
    """Resize a picture that was decoded at 1/`scale` of its (width, height), as `resize` does with a full one.

    EXIF may have turned it by a quarter.
    """
    width, height = size
    if image.shape[:2] != (-(-height // scale), -(-width // scale)):
        width, height = height, width
    part = _visible_part(height, width, spec)
    filled = _filled(part, spec)
    return _pad(_shrink(_draw_reduced(image, part, scale, filled), *filled), spec)


def _draw_reduced(reduced: NDArray[np.uint8], part: _Part, scale: int, filled: tuple[int, int]) -> NDArray[np.uint8]:
    """Interpolate a `part` of the full picture from `reduced`, which is the picture at 1/`scale` of its size.

    The edges of the part lie between the pixels of `reduced`. Cutting at the nearest pixel would shift the picture by
    up to half a pixel, which changes the model's input more than the reduction does. The result is 1, 2, 4 ... times as
    large as what it fills, so that the averaging that follows adds up whole pixels.
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
    """Return the greatest power of two up to `ratio`, 1 or more."""
    return 1 << max(0, int(ratio).bit_length() - 1)
