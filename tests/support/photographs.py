"""Real photographs from scikit-image's package, of which nothing is imported."""

import importlib.util
from pathlib import Path

import cv2

NEEDS = "needs the photographs of scikit-image: pip install --no-deps scikit-image"
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")


def photographs():
    """Return RGB pixels; none if scikit-image is not installed."""
    package = importlib.util.find_spec("skimage")
    if package is None:
        return []
    folder = Path(package.submodule_search_locations[0]) / "data"
    return [cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB) for name in NAMES]
