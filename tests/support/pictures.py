"""Images to classify. Colours are RGB; the conversion to OpenCV's BGR happens here."""

import cv2
import numpy as np

COLOURS = {"red": (220, 40, 30), "green": (30, 220, 40), "blue": (40, 30, 220)}


def plain(colour, width=24, height=24):
    """Return RGB pixels of one colour."""
    return np.full((height, width, 3), COLOURS.get(colour, colour), np.uint8)


def noise(width, height, seed=0):
    """Return random RGB pixels, smooth enough for JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(rgb, suffix=".png", *options):
    """Encode RGB pixels as an image file."""
    done, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    assert done
    return data.tobytes()


def picture(colour, suffix=".png"):
    """Return an image file that the tiny model labels `colour`."""
    return encode(plain(colour), suffix)
