"""The images: photographs at the size of a camera, with the noise of a sensor, no two with the same content."""

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
"""Standard deviation in grey levels: a small sensor in daylight."""


def images_of_size(size: str, count: int, folder: Path) -> list[Path]:
    """Return `count` JPEGs of that size, a key of SIZES, in a folder under `folder`; write those that are missing."""
    target = folder / size
    target.mkdir(parents=True, exist_ok=True)
    paths = [target / f"{n:05}.jpg" for n in range(count)]
    if not all(path.is_file() for path in paths):
        print(f"writing {count} images of {size}", file=sys.stderr)
        for path, pixels in zip(paths, _noisy(*SIZES[size]), strict=False):
            cv2.imwrite(str(path), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


def _noisy(width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the photographs in turn without end, each time with different noise."""
    chance = np.random.default_rng(6)
    noise = chance.normal(0, NOISE, (height, width, 3)).astype(np.float32)
    photographs = [_filled(photograph, width, height) for photograph in _photographs()]
    while True:
        for photograph in photographs:
            shift = (int(chance.integers(height)), int(chance.integers(width)))
            noisy = photograph + np.roll(noise, shift, axis=(0, 1))
            yield np.clip(noisy, 0, 255).astype(np.uint8)


def _filled(photograph: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Scale until the size is covered, and cut out the centre."""
    scale = max(width / photograph.shape[1], height / photograph.shape[0])
    scaled = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return scaled[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]


def check_photographs() -> None:
    """End the program with a message if there are no photographs, before minutes of preparations."""
    _photographs()


def _photographs() -> list[NDArray[Any]]:
    """Return those of ImageNet if they lie beside this tree, else those in scikit-image."""
    paths = sorted(SHARED.glob("*.JPEG"))[:20]
    if not paths:
        package = importlib.util.find_spec("skimage")
        if package is None or not package.submodule_search_locations:
            sys.exit("no photographs found: pip install --no-deps scikit-image")
        paths = [Path(package.submodule_search_locations[0]) / "data" / name for name in SCIKIT_IMAGE]
    return [image for path in paths if (image := cv2.imread(str(path))) is not None]


def many_small(count: int, folder: Path) -> Path:
    """Return a folder of `count` small files, no two with the same content: a thumbnail with a number after its end."""
    target = folder / f"small-{count}"
    if len(list(target.glob("*.jpg"))) != count:
        print(f"writing {count} small files", file=sys.stderr)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        thumbnail = cv2.imencode(".jpg", cv2.resize(_photographs()[0], (64, 48)))[1].tobytes()
        for n in range(count):
            (target / f"{n:06}.jpg").write_bytes(thumbnail + b"%d" % n)
    return target


def stream_images(folder: Path, frames: int = 60) -> list[Path]:
    """Return the images of the camera stream: `frames` JPEGs of 1280 x 720."""
    SIZES["1280x720"] = (1280, 720)
    return images_of_size("1280x720", frames, folder)


def fresh_copies(paths: list[Path], folder: Path) -> None:
    """Link the files into a new folder, as if they had just arrived."""
    folder.mkdir()
    subprocess.run(["cp", "--link", "--target-directory", folder, *paths], check=True)
