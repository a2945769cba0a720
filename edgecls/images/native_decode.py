"""Call OpenCV's decoder so that all its versions give the same picture: upright, whole, with nothing transparent."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.images.file_kinds import describe_undecodable
from edgecls.images.image_header import is_jpeg
from edgecls.images.orientation import read_orientation, turned_here, upright
from edgecls.images.strict_decode import decode_strict
from edgecls.images.transparency import has_alpha, is_premultiplied, paint

_REDUCTIONS = 16 | 32 | 64
"""The bits of IMREAD_REDUCED_COLOR_2, _4 and _8."""


def imdecode(data: bytes, flags: int) -> tuple[NDArray[Any], list[str]]:
    """Decode as `cv2.imdecode` does with `flags` (colour, perhaps reduced, perhaps of any depth).

    Returns (pixels (height, width, 3) in the order BGR, harmless remarks of the decoder). Transparent pixels are
    painted, see `transparency.paint`. Raises BadImage where OpenCV refuses the file or part of the picture is missing.
    """
    if is_jpeg(data):
        return decode_strict(data, lambda each: _decode(each, flags))
    if not turned_here(data):
        return decode_strict(data, lambda each: _decode_painted(each, flags))
    image, remarks = decode_strict(data, lambda each: _decode_painted(each, flags | cv2.IMREAD_IGNORE_ORIENTATION))
    return upright(image, read_orientation(data)), remarks


def _decode(data: bytes, flags: int) -> NDArray[Any]:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise BadImage(f"cannot be decoded: {error.err or 'OpenCV refuses it'}") from error
    if image is None:
        raise BadImage(describe_undecodable(data))
    if image.dtype not in (np.uint8, np.uint16):
        raise BadImage(f"has samples of {image.dtype}: save it with 8 or 16 bits, without a sign")
    return image


def _decode_painted(data: bytes, flags: int) -> NDArray[Any]:
    """Decode in full, and make smaller afterwards: OpenCV would squeeze a TIFF that it turns."""
    full = flags & ~_REDUCTIONS
    if not has_alpha(data):
        return _reduced(_decode(data, full), flags)
    image = _decode(data, cv2.IMREAD_UNCHANGED)
    if image.ndim != 3 or image.shape[2] != 4:
        return _reduced(_decode(data, full), flags)
    bgr, alpha = image[..., :3], image[..., 3]
    if image.dtype != np.uint8 and not flags & cv2.IMREAD_ANYDEPTH:
        bgr = _decode(data, full)
        alpha = (alpha * (255 / max(1, int(alpha.max())))).astype(np.uint8)
    painted = paint(bgr, alpha, premultiplied=is_premultiplied(data, image.dtype))
    return _reduced(np.ascontiguousarray(painted), flags)


def _reduced(image: NDArray[Any], flags: int) -> NDArray[Any]:
    """A half, a quarter or an eighth of the size, where `flags` ask for it."""
    scale = (flags & _REDUCTIONS) >> 3
    if not scale:
        return image
    size = max(1, image.shape[1] // scale), max(1, image.shape[0] // scale)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
