"""The images to classify: those of a folder, or synthetic ones."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, BadImage, InputNotFound, from_os_error
from edgecls.images.image_files import find_images
from edgecls.images.preprocess import decode_reduced

log = logging.getLogger(__name__)

GENERATED = {(500, 375): 8, (1920, 1080): 4, (4056, 3040): 2}
"""(width, height) -> how many: a photograph from the web, a video's frame, a picture of the Raspberry Pi HQ camera."""
MOST = 200
"""Files of a folder that are read."""
_LONGEST_NAME = 9
"""Characters: it stands in a table."""
_QUALITY = 90
_SENSOR_NOISE = 4.0
"""Standard deviation, in levels: about that of a small camera in daylight."""


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Encoded pictures of one kind, as `name` says, and the ends of their file names."""

    name: str
    images: tuple[bytes, ...]
    suffixes: tuple[str, ...]

    @property
    def mean_bytes(self) -> float:
        """The mean size of the files."""
        return sum(map(len, self.images)) / len(self.images)


def generate_images() -> Iterator[ImageSet]:
    """Yield sets of JPEGs that cost as much to decode as photographs, the same in each run."""
    for (width, height), count in GENERATED.items():
        images = tuple(_photograph(width, height, seed) for seed in range(count))
        yield ImageSet(f"{width}x{height}", images, (".jpg",) * count)


def _photograph(width: int, height: int, seed: int) -> bytes:
    done, data = cv2.imencode(".jpg", picture(width, height, seed), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    assert done
    return data.tobytes()


def picture(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """Uint8 (height, width, 3): detail of every size, about as much of each, mostly grey, and a sensor's noise.

    In photographs of nature an octave of spatial frequencies has as much power as the next (Field, 1987). As JPEG they
    take 0.51 bytes a pixel at 500 x 375, as fifty of ImageNet's do in the median, and 0.46 at 4056 x 3040.
    """
    chance = np.random.default_rng(seed)
    total = np.full((height, width, 3), 128.0, np.float32)
    cells, amplitude = 3, 36.0
    while cells < max(width, height):
        coarse = chance.standard_normal((max(2, cells * height // width), cells, 3)).astype(np.float32)
        coarse = 0.25 * coarse + 1.275 * coarse.mean(axis=2, keepdims=True)
        total += amplitude * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        cells, amplitude = cells * 2, amplitude * 0.95
    total += chance.standard_normal(total.shape, np.float32) * _SENSOR_NOISE
    return np.clip(total, 0, 255).astype(np.uint8)


def of_folder(folder: Path) -> tuple[ImageSet, list[str]]:
    """Read the images below a folder, sorted by name; also return why others were left out.

    What is not taken for an image is logged, in one line.
    Raises InputNotFound (no folder, no images), BadData (none can be decoded) and IoFailed (it cannot be read).
    """
    if not folder.is_dir():
        raise InputNotFound(f"no folder at {folder}: name a folder that holds images")
    images = find_images(folder)
    files = list(images.paths)
    if not files:
        raise InputNotFound(f"no images in {folder}{images.passed_over.not_taken()}: name a folder that holds some")
    if not_taken := images.passed_over.not_taken():
        log.warning("%s: %s images%s", folder, f"{len(files):,}", not_taken)
    contents, wrong = _readable(files[:MOST])
    if not contents:
        raise BadData(f"no image in {folder} can be decoded: name another folder")
    return ImageSet(
        (folder.name or "images")[:_LONGEST_NAME], tuple(contents.values()), tuple(file.suffix for file in contents)
    ), wrong


def _readable(files: Sequence[Path]) -> tuple[dict[Path, bytes], list[str]]:
    images: dict[Path, bytes] = {}
    problems = ((file, _add_image(file, images)) for file in files)
    wrong = [f"{file} {problem}" for file, problem in problems if problem]
    return images, wrong


def _add_image(file: Path, images: dict[Path, bytes]) -> str | None:
    """Add the content of `file` to `images`, or return why it cannot be decoded."""
    try:
        data = file.read_bytes()
        decode_reduced(data)
    except BadImage as error:
        return str(error)
    except OSError as error:
        return str(from_os_error(error, "cannot be read"))
    images[file] = data
    return None
