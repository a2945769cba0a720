"""Decode any format that edgecls reads so that all versions of OpenCV give the same picture: upright, with no transparency."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.images.file_kinds import describe_undecodable
from edgecls.images.image_format import image_format, is_jpeg
from edgecls.images.jpeg import decode_jpeg
from edgecls.images.native_output import hide_decoder_messages
from edgecls.images.orientation import read_orientation, upright
from edgecls.images.transparency import has_alpha, is_premultiplied, paint


def decode_native(
    data: bytes, size: tuple[int, int], scale: int = 1, *, any_depth: bool = False
) -> tuple[NDArray[Any], list[str]]:
    """Decode an image whose header says this (width, height), at 1/`scale` of its size (1, 2, 4 or 8).

    Returns (pixels (height, width, 3) in the order BGR, harmless warnings of the decoder). The pixels are uint8, or with
    `any_depth` uint16 if the file has them. Transparent pixels are painted, see `transparency.paint`. Raises BadImage if
    the decoder refuses the file or part of a JPEG is missing.
    """
    warnings: list[str] = []
    if is_jpeg(data):
        image, warnings = decode_jpeg(data, size, scale)
    else:
        with hide_decoder_messages():
            image = _reduce(_decode_painted(data, cv2.IMREAD_ANYDEPTH if any_depth else 0), scale)
    return upright(image, read_orientation(data)), warnings


def _decode(data: bytes, flags: int) -> NDArray[Any]:
    if image_format(data) != "TIFF":  # OpenCV turns TIFF right in all versions
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise BadImage(f"cannot be decoded: {error.err or 'OpenCV refuses it'}") from error
    if image is None:
        raise BadImage(describe_undecodable(data))
    if image.dtype not in (np.uint8, np.uint16):
        raise BadImage(f"has samples of {image.dtype}: save it with 8 or 16 bits, without a sign")
    return image


def _decode_painted(data: bytes, depth: int) -> NDArray[Any]:
    colour = cv2.IMREAD_COLOR | depth
    if not has_alpha(data):
        return _decode(data, colour)
    image = _decode(data, cv2.IMREAD_UNCHANGED)
    if image.ndim != 3 or image.shape[2] != 4:
        return _decode(data, colour)
    bgr, alpha = image[..., :3], image[..., 3]
    if image.dtype != np.uint8 and not depth:
        bgr = _decode(data, colour)
        alpha = (alpha * (255 / max(1, int(alpha.max())))).astype(np.uint8)
    painted = paint(bgr, alpha, premultiplied=is_premultiplied(data, image.dtype))
    return np.ascontiguousarray(painted)


def _reduce(image: NDArray[Any], scale: int) -> NDArray[Any]:
    if scale == 1:
        return image
    size = max(1, image.shape[1] // scale), max(1, image.shape[0] // scale)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
