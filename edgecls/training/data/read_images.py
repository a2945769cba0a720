"""Every file read and decoded once: does it decode, what is in it, what does it look like."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, EdgeclsError, MissingExtra
from edgecls.images.depth import SIXTEEN_BITS, White, find_white, to_eight_bits
from edgecls.images.image_format import is_jpeg
from edgecls.images.preprocess import decode, decode_samples
from edgecls.progress import Progress
from edgecls.training.data.losses import reason_of
from edgecls.training.data.problems import Problem
from edgecls.training.data.samples import Sample
from edgecls.training.workers import for_each

LOOK_SIDE = 16
LEAST_SIDE = 64
"""Pixels. Of smaller images (digits, icons) many look alike that are not the same: they get no `Look`."""
LEAST_CONTRAST = 2.0
"""Grey levels, the standard deviation. Below it (a lens cap, white paper) there is only noise to compare."""
SMALL_FILE = 65536
"""Bytes. Up to here decoding in full takes 2-3 ms at most, and an eighth of the size would be too small to compare."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like: 64 bits of perceptual hash, and grey levels uint8 (16, 16)."""

    bits: NDArray[np.bool_]
    thumbnail: NDArray[np.uint8]


UNSCALED = White(255, SIXTEEN_BITS)
"""Until it is known which value is white: all that the bits can hold."""


class Depth(NamedTuple):
    """Bits a sample of a file, 8 or 16, and the least of `WHITES` that holds its values; 0 where all are black."""

    bits: int
    white: int


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """A sample that decodes. `digest` is the SHA-256 of its content, or of shape and pixels if it is no file.

    `pixels` is that of the decoded picture, whatever file it came in; where only an eighth of its size was decoded, of
    that: different pictures may then have the same, until `compare_in_full`. Empty where nothing was decoded.

    `depth` is None where the file says itself which value is white, as JPEGs do; `aspect` is width / height, about.
    """

    sample: Sample
    digest: str
    look: Look | None = None
    pixels: str = ""
    seen_pixels: str = ""
    """`pixels` as they were first found, of small files in full and of others at an eighth: what a model file lists."""
    depth: Depth | None = None
    aspect: float = 1.0

    @property
    def picture(self) -> str:
        """The same for copies."""
        return self.pixels or self.digest


Examiner = Callable[[NDArray[np.uint8], int], "Look | None"]


def read_images(
    samples: Sequence[Sample], dataset: Path, progress: Progress, *, looks: bool, white: White = UNSCALED
) -> tuple[list[DatasetImage], list[tuple[Path, str]]]:
    """(the images that decode, in order; path and reason of the others). `looks`: whether to find each one's `Look`.

    Pixels are dropped as soon as they have been seen. Raises BadData if none decodes, MissingExtra without ImageHash.
    """
    images, bad = _sorted_out(samples, progress, "reading images", _look_at() if looks else None, white)
    if not images:
        raise BadData(
            f"none of the {len(samples)} files in {dataset} is an image that can be decoded: check the data set"
            f"{left_out(bad)}"
        )
    return images, bad


def read_reviewed_images(
    samples: Sequence[Sample], progress: Progress
) -> tuple[list[DatasetImage], list[tuple[Path, str]]]:
    """As `read_images`, with looks, for what people have reviewed: there may be none. Raises BadData if none of many decodes."""
    if not samples:
        return [], []
    images, bad = _sorted_out(samples, progress, "reading reviewed images", _look_at())
    if not images:
        raise BadData(
            f"none of the {len(samples)} reviewed images can be read: name the folder that has them with "
            f"--review-images{left_out(bad)}"
        )
    return images, bad


def read_again(images: Sequence[DatasetImage], white: White, progress: Progress) -> list[DatasetImage]:
    """The same images, those whose files do not say what is white seen with this one."""
    concerned = {
        number
        for number, image in enumerate(images)
        if image.depth and white.of_bits(image.depth.bits) != UNSCALED.of_bits(image.depth.bits)
    }
    if not concerned:
        return list(images)
    scaled, _ = _sorted_out(
        [images[number].sample for number in sorted(concerned)],
        progress,
        "reading them with their white",
        _look_at(),
        white,
    )
    again = {image.sample: image for image in scaled}
    return [again.get(image.sample, image) for image in images]


def _sorted_out(
    samples: Sequence[Sample], progress: Progress, name: str, look_at: "Examiner | None", white: White = UNSCALED
) -> tuple[list[DatasetImage], list[tuple[Path, str]]]:
    with progress.step(name, len(samples)) as advance:
        found = for_each(lambda: None, lambda _, sample: _read_image(sample, look_at, white), samples, advance)
    images = [image for image in found if isinstance(image, DatasetImage)]
    return images, [(s.path, reason) for s, reason in zip(samples, found, strict=True) if isinstance(reason, str)]


def decodable(samples: Sequence[Sample], progress: Progress, white: White = UNSCALED) -> list[DatasetImage]:
    """Those of `samples` that can be read and decode; what cannot is passed over."""
    with progress.step("looking for copies", len(samples)) as advance:
        found = for_each(lambda: None, lambda _, sample: _read_image(sample, None, white), samples, advance)
    return [image for image in found if isinstance(image, DatasetImage)]


def compare_in_full(images: Sequence[DatasetImage], white: White = UNSCALED) -> list[DatasetImage]:
    """The same images; those whose `pixels` agree while their files do not are decoded in full, and compared by that.

    An eighth of the size may not show a scratch. Few are concerned, so it costs next to nothing.
    """
    files = defaultdict(set)
    for image in images:
        files[image.picture].add(image.digest)
    return [
        replace(image, pixels=_in_full(image, white)) if len(files[image.picture]) > 1 else image for image in images
    ]


def _in_full(image: DatasetImage, white: White) -> str:
    """The digest of all pixels; what it was before where the file cannot be read any more."""
    try:
        content = image.sample.read()
        return sha256_of(decode(content, white=white) if isinstance(content, bytes) else content[..., ::-1])
    except EdgeclsError:
        return image.pixels


def undecodable(bad: Sequence[tuple[Path, str]]) -> list[Problem]:
    """A problem a file."""
    return [Problem("undecodable", f"{path} {reason}: left out", (path,)) for path, reason in bad]


def left_out(files: Sequence[tuple[Path, str]]) -> str:
    """The end of an error's line: what was left out before, and why, may be what is wrong. Nothing if none was."""
    if not files:
        return ""
    (path, reason), count = files[0], len(files)
    return f"; {count} files were left out, the first: {path} {reason}" if count > 1 else f"; left out: {path} {reason}"


def sha256_of(content: bytes | NDArray[np.uint8]) -> str:
    """SHA-256 of a file's content; of pixels, of their shape too."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(f"{content.shape}".encode() + content.tobytes()).hexdigest()


def _read_image(sample: Sample, look_at: Examiner | None, white: White) -> DatasetImage | str:
    """The image, or what is wrong with it."""
    try:
        content = sample.read()
        pixels, reduced, depth = _decode(content, white)
        look = look_at(pixels, reduced) if look_at else None
    except EdgeclsError as error:
        return reason_of(error)
    found = sha256_of(pixels)
    return DatasetImage(sample, sha256_of(content), look, found, found, depth, pixels.shape[1] / pixels.shape[0])


def _decode(content: bytes | NDArray[np.uint8], white: White) -> tuple[NDArray[np.uint8], int, Depth | None]:
    """Return (pixels in OpenCV's order, by how much they are reduced: those of small files are not, the depth)."""
    if not isinstance(content, bytes):
        return content[..., ::-1], 1, None
    reduced = 1 if len(content) <= SMALL_FILE else 8
    samples = decode_samples(content, scale=reduced if is_jpeg(content) else 1)
    pixels = to_eight_bits(samples, white)
    depth = None if samples.white else Depth(samples.values.itemsize * 8, find_white(samples.values))
    if reduced > 1 and not is_jpeg(content):  # other decoders save nothing by it
        size = -(-pixels.shape[1] // reduced), -(-pixels.shape[0] // reduced)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return pixels, reduced, depth


def _look_at() -> Examiner:
    try:
        import imagehash
        import PIL.Image
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None

    def look_at(bgr: NDArray[np.uint8], reduced: int) -> Look | None:
        grey: Any = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        if min(grey.shape) * reduced < LEAST_SIDE or grey.std() < LEAST_CONTRAST:
            return None
        bits = imagehash.phash(PIL.Image.fromarray(grey)).hash.ravel()
        return Look(bits, cv2.resize(grey, (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA))

    return look_at
