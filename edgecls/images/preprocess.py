"""Turn an encoded image or a camera frame into the pixels that a model takes.

This is the only copy: training, calibration, evaluation and the device all call `load_pixels`, so that what is measured
on the workstation is what happens on the device.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadImage
from edgecls.images.depth import Samples, White, may_be_deep, stated_white, to_eight_bits
from edgecls.images.framing import COVER, Preprocessing, reduction, resize, resize_reduced
from edgecls.images.image_format import is_jpeg
from edgecls.images.image_header import MAX_PIXELS, Size, check_header
from edgecls.images.native_decode import decode_native


def silence_opencv() -> None:
    """Keep OpenCV from logging errors on stderr: each becomes an exception that names the image."""
    if hasattr(cv2, "setLogLevel"):  # OpenCV 4
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


silence_opencv()


def decode(data: bytes, max_pixels: int = MAX_PIXELS, white: White | None = None) -> NDArray[np.uint8]:
    """Decode an image to uint8 (height, width, 3) in OpenCV's order, BGR.

    Grey becomes three equal channels. Other depths become 8 bits, see `depth.to_eight_bits`; without `white` a 16-bit
    picture is scaled by its own values. Transparent pixels are painted, see `transparency.paint`. The picture is turned
    as the file says. The first picture of an animation is taken.

    Raises:
        BadImage: the decoder refuses the file, part of a JPEG is missing, the samples are signed or floating-point, or
            there are more than `max_pixels` pixels (found before decoding).
    """
    return to_eight_bits(decode_samples(data, max_pixels), white)


def decode_rgb(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode an image to uint8 (height, width, 3), RGB, in full size. Raises BadImage as `decode` does."""
    return cv2.cvtColor(decode(data, max_pixels), cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def decode_reduced(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode an image at an eighth of its size: uint8 (height / 8, width / 8, 3), BGR.

    Raises BadImage for the same images as `decode`, and costs less. A picture with a side below 8 pixels is decoded in
    full.
    """
    return to_eight_bits(decode_samples(data, max_pixels, 8), None)


def decode_samples(data: bytes, max_pixels: int = MAX_PIXELS, scale: int = 1) -> Samples:
    """Decode an image without changing its depth, at 1/`scale` of its size (1, 2, 4 or 8).

    A picture with a side below `scale` is decoded in full. Raises BadImage as `decode` does.
    """
    size = check_header(data, max_pixels)
    return _decode_samples(data, size, scale if min(size) >= scale else 1)[0]


def _decode_samples(data: bytes, size: Size, scale: int = 1) -> tuple[Samples, list[str]]:
    # Without `any_depth`, OpenCV would give the upper 8 of 16 bits, and of signed samples whatever these are.
    image, warnings = decode_native(data, size, scale, any_depth=may_be_deep(data))
    return Samples(image, stated_white(data)), warnings


def load_pixels(
    image: bytes | NDArray[np.uint8], spec: Preprocessing, max_pixels: int = MAX_PIXELS, *, cover: float = COVER
) -> NDArray[np.uint8]:
    """Turn an encoded image, or RGB pixels uint8 (height, width, 3), into the model's input.

    Returns uint8 (spec.height, spec.width, spec.channels), contiguous. The channels are RGB; the one channel of a grey
    model is the luma, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), so grey images keep their values. A large JPEG is
    decoded at a half, a quarter or an eighth of its size if that is enough for `cover`, see `framing.reduction`.

    Raises:
        BadImage: the bytes do not decode, see `decode`; or the array is not an RGB image.
    """
    if isinstance(image, bytes):
        return decode_strict(image, spec, max_pixels, cover=cover)[0]
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadImage(f"is not RGB pixels: expected uint8 (height, width, 3), got {image.dtype} {image.shape}")
    rgb = resize(image, spec)
    return _with_channels(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if spec.channels == 1 else rgb)


def decode_strict(
    data: bytes, spec: Preprocessing, max_pixels: int = MAX_PIXELS, *, cover: float = COVER
) -> tuple[NDArray[np.uint8], list[str]]:
    """Return (the model's input as `load_pixels` gives it, harmless warnings of the decoder). Raises BadImage."""
    size = check_header(data, max_pixels)
    scale = reduction(size, spec, cover) if is_jpeg(data) else 1
    samples, warnings = _decode_samples(data, size, scale)
    image = to_eight_bits(samples, spec.white)
    bgr = resize(image, spec) if scale == 1 else resize_reduced(image, size, scale, spec)
    # The channels are converted after the resize: a 12-megapixel photograph is 240 times as large as the model's input.
    code = cv2.COLOR_BGR2GRAY if spec.channels == 1 else cv2.COLOR_BGR2RGB
    return _with_channels(cv2.cvtColor(bgr, code)), warnings


def _with_channels(pixels: Any) -> NDArray[np.uint8]:
    """Return (height, width, 1) for grey, where OpenCV gives (height, width)."""
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1))
