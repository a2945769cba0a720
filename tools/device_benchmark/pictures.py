"""The files: photographs at a camera's size, with a sensor's noise, no two of one content."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "imagenet50"
SCIKIT_IMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")
SIZES = {"500x375": (500, 375), "1920x1080": (1920, 1080), "4056x3040": (4056, 3040)}
"""name -> (width, height); the last is that of the Raspberry Pi HQ camera."""
NOISE = 4.0
"""Standard deviation of a level: a small sensor by daylight."""


def pictures(size: str, count: int, folder: Path) -> list[Path]:
    """`count` JPEGs of that size (a key of SIZES) in a folder of their own under `folder`; made where they are missing."""
    place = folder / size
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"{n:05}.jpg" for n in range(count)]
    if not all(path.is_file() for path in paths):
        print(f"making {count} pictures of {size}", file=sys.stderr)
        for path, pixels in zip(paths, _noisy(*SIZES[size]), strict=False):
            cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


def _noisy(width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Without end: the photographs in turn, each time with other noise."""
    chance = np.random.default_rng(6)
    noise = chance.normal(0, NOISE, (height, width, 3)).astype(np.float32)
    photographs = [_filled(photograph, width, height) for photograph in _photographs()]
    while True:
        for photograph in photographs:
            shift = (int(chance.integers(height)), int(chance.integers(width)))
            noisy = photograph + np.roll(noise, shift, axis=(0, 1))
            yield np.clip(noisy, 0, 255).astype(np.uint8)


def _filled(photograph: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Scaled until it covers the size, and its centre cut out."""
    scale = max(width / photograph.shape[1], height / photograph.shape[0])
    scaled = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return scaled[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]


def check_photographs() -> None:
    """End the program with a message where there are none: before minutes of other preparations."""
    _photographs()


def _photographs() -> list[NDArray[Any]]:
    """Of ImageNet where they lie beside this tree, else those that come with scikit-image."""
    paths = sorted(SHARED.glob("*.JPEG"))[:20]
    if not paths:
        package = importlib.util.find_spec("skimage")
        if package is None or not package.submodule_search_locations:
            sys.exit("no photographs are here: pip install --no-deps scikit-image")
        paths = [Path(package.submodule_search_locations[0]) / "data" / name for name in SCIKIT_IMAGE]
    return [image for path in paths if (image := cv2.imread(str(path))) is not None]


def many_small(count: int, folder: Path) -> Path:
    """A folder of `count` small files, each of other content: a thumbnail and its number behind its end."""
    place = folder / f"small-{count}"
    if len(list(place.glob("*.jpg"))) != count:
        print(f"making {count} small files", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        thumbnail = cv2.imencode(".jpg", cv2.resize(_photographs()[0], (64, 48)))[1].tobytes()
        for n in range(count):
            (place / f"{n:06}.jpg").write_bytes(thumbnail + b"%d" % n)
    return place


def video(folder: Path, frames: int = 60) -> list[Path]:
    """What the camera stream shows: `frames` JPEGs of 1280 x 720."""
    SIZES["1280x720"] = (1280, 720)
    return pictures("1280x720", frames, folder)


def fresh_copies(paths: list[Path], folder: Path) -> None:
    """The files, in a new folder, as if they had just been put there: nothing of them is copied."""
    folder.mkdir()
    subprocess.run(["cp", "--link", "--target-directory", folder, *paths], check=True)
