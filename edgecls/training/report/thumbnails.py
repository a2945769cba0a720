"""Thumbnails for the report: an image as the model sees it, and heat maps over it."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH = 150
"""Width in pixels. Three fit side by side on a phone."""

QUALITY = 80


def thumbnail(pixels: NDArray[np.uint8]) -> str:
    """Return uint8 pixels (height, width, 1 or 3), RGB, as the data: address of a JPEG `WIDTH` pixels wide."""
    return _address(_sized(_rgb(pixels)))


def overlay(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> str:
    """Return the image in grey under a heat map float32 (h, w), 0 (blue) to 1 (red), as the data: address of a JPEG."""
    grey = cv2.cvtColor(_sized(_rgb(pixels)), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    smooth = cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC)  # overshoots a little
    levels = np.round(255 * np.clip(smooth, 0, 1)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_JET), cv2.COLOR_BGR2RGB)
    mixed = 0.6 * grey[..., np.newaxis] + 0.4 * colours
    return _address(mixed.astype(np.uint8))


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def _sized(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    # Small ones are shown as they are, pixel by pixel.
    interpolation = cv2.INTER_AREA if width > WIDTH else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(rgb), size, interpolation=interpolation)  # type: ignore[return-value]


def _address(rgb: NDArray[np.uint8]) -> str:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
