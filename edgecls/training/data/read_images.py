"""Read and decode every file of a data set once: digests, appearance, bit depth."""

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
from edgecls.training.data.sample import Sample
from edgecls.training.workers import for_each

THUMBNAIL_SIDE = 16
MIN_SIDE = 64
"""Pixels. Many smaller images (digits, icons) look alike without being duplicates: they get no `Appearance`."""
MIN_CONTRAST = 2.0
"""The standard deviation in grey levels below which (a lens cap, white paper) there is only noise to compare."""
SMALL_FILE = 65536
"""Bytes. Decoding such a file in full takes 2-3 ms at most, and an eighth of its size would be too small to compare."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """The appearance of an image: 64 bits of a perceptual hash, and grey levels uint8 (16, 16)."""

    bits: NDArray[np.bool_]
    thumbnail: NDArray[np.uint8]


UNSCALED = White(255, SIXTEEN_BITS)
"""White until it is known which value is white: the maximum of the bits."""


class Depth(NamedTuple):
    """The bits per sample of a file, 8 or 16, and the smallest of `WHITES` that holds its values; 0 where all are black."""

    bits: int
    white: int


@dataclass(frozen=True, slots=True)
class DatasetImage:
    """A sample that can be decoded.

    Attributes:
        sample: The sample.
        digest: The SHA-256 of the file, or of shape and pixels where there is no file.
        appearance: How the image looks, where that was requested and can be compared.
        pixels: The SHA-256 of the decoded pixels, whatever the file format. Large files are decoded at an eighth of their size,
            so that different images may agree until `compare_in_full`. Empty where nothing was decoded.
        listed_pixels: `pixels` before `compare_in_full`, as the model file lists it.
        depth: None where the file itself says which value is white, as JPEGs do.
        aspect: width / height, approximately.
    """

    sample: Sample
    digest: str
    appearance: Appearance | None = None
    pixels: str = ""
    listed_pixels: str = ""
    depth: Depth | None = None
    aspect: float = 1.0

    @property
    def picture(self) -> str:
        """A text that is the same for copies."""
        return self.pixels or self.digest

    @property
    def content(self) -> tuple[str, str]:
        """The digests of file and pixels by which an `ImageList` recognises the image."""
        return self.digest, self.listed_pixels


Describe = Callable[[NDArray[np.uint8], int], "Appearance | None"]
"""(BGR pixels, by how much they are reduced) -> how the image looks"""


def read_images(
    samples: Sequence[Sample], dataset: Path, progress: Progress, *, appearance: bool, white: White = UNSCALED
) -> tuple[list[DatasetImage], list[tuple[Path, str]]]:
    """Return the images that can be decoded, in order, and (path, reason) of the others.

    Pixels are not kept. Raises BadData if none can be decoded, and MissingExtra without ImageHash where `appearance` is
    requested.
    """
    images, bad = _read_all(samples, progress, "reading images", _appearance_function() if appearance else None, white)
    if not images:
        raise BadData(
            f"none of the {len(samples)} files in {dataset} is an image that can be decoded: check the data set"
            f"{describe_left_out(bad)}"
        )
    return images, bad


def read_reviewed_images(
    samples: Sequence[Sample], progress: Progress
) -> tuple[list[DatasetImage], list[tuple[Path, str]]]:
    """Read reviewed images as `read_images` does, with their appearance. Raises BadData if there are some, and none decodes."""
    if not samples:
        return [], []
    images, bad = _read_all(samples, progress, "reading reviewed images", _appearance_function())
    if not images:
        raise BadData(
            f"none of the {len(samples)} reviewed images can be read: pass the folder that has them with "
            f"--review-images{describe_left_out(bad)}"
        )
    return images, bad


def read_again(images: Sequence[DatasetImage], white: White, progress: Progress) -> list[DatasetImage]:
    """Return the same images, where those whose files do not say which value is white are decoded again with `white`."""
    concerned = {
        number
        for number, image in enumerate(images)
        if image.depth and white.of_bits(image.depth.bits) != UNSCALED.of_bits(image.depth.bits)
    }
    if not concerned:
        return list(images)
    samples = [images[number].sample for number in sorted(concerned)]
    scaled, _ = _read_all(samples, progress, "scaling to white", _appearance_function(), white)
    again = {image.sample: image for image in scaled}
    return [again.get(image.sample, image) for image in images]


def _read_all(
    samples: Sequence[Sample], progress: Progress, name: str, describe: Describe | None, white: White = UNSCALED
) -> tuple[list[DatasetImage], list[tuple[Path, str]]]:
    with progress.step(name, len(samples)) as advance:
        results = for_each(lambda: None, lambda _, sample: _read_image(sample, describe, white), samples, advance)
    images = [image for image in results if isinstance(image, DatasetImage)]
    return images, [(s.path, reason) for s, reason in zip(samples, results, strict=True) if isinstance(reason, str)]


def compare_in_full(images: Sequence[DatasetImage], white: White = UNSCALED) -> list[DatasetImage]:
    """Return the same images; those whose `pixels` agree while their files differ are decoded in full and compared again.

    A scratch may be invisible at an eighth of the size. Few images are concerned, so this costs little.
    """
    files = defaultdict(set)
    for image in images:
        files[image.picture].add(image.digest)
    return [
        replace(image, pixels=_full_digest(image, white)) if len(files[image.picture]) > 1 else image
        for image in images
    ]


def _full_digest(image: DatasetImage, white: White) -> str:
    """Return the digest of all pixels, or the previous one where the file cannot be read any more."""
    try:
        content = image.sample.read()
        return sha256_of(decode(content, white=white) if isinstance(content, bytes) else content[..., ::-1])
    except EdgeclsError:
        return image.pixels


def undecodable(bad: Sequence[tuple[Path, str]]) -> list[Problem]:
    """Return a problem for each file."""
    return [Problem("undecodable", f"{path} {reason}: left out", (path,)) for path, reason in bad]


def describe_left_out(files: Sequence[tuple[Path, str]]) -> str:
    """Return the end of an error message: which files were left out before, which may be the cause. Empty if there are none."""
    if not files:
        return ""
    (path, reason), count = files[0], len(files)
    return f"; {count} files were left out, the first: {path} {reason}" if count > 1 else f"; left out: {path} {reason}"


def sha256_of(content: bytes | NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a file's content, or of the shape and values of pixels."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(f"{content.shape}".encode() + content.tobytes()).hexdigest()


def _read_image(sample: Sample, describe: Describe | None, white: White) -> DatasetImage | str:
    """Return the image, or what is wrong with it."""
    try:
        content = sample.read()
        pixels, reduced, depth = _decode(content, white)
        appearance = describe(pixels, reduced) if describe else None
    except EdgeclsError as error:
        return reason_of(error)
    digest = sha256_of(pixels)
    return DatasetImage(
        sample, sha256_of(content), appearance, digest, digest, depth, pixels.shape[1] / pixels.shape[0]
    )


def _decode(content: bytes | NDArray[np.uint8], white: White) -> tuple[NDArray[np.uint8], int, Depth | None]:
    """Return BGR pixels, by how much they are reduced (large files to an eighth), and the depth."""
    if not isinstance(content, bytes):
        return content[..., ::-1], 1, None
    reduced = 1 if len(content) <= SMALL_FILE else 8
    samples = decode_samples(content, scale=reduced if is_jpeg(content) else 1)
    pixels = to_eight_bits(samples, white)
    depth = None if samples.white else Depth(samples.values.itemsize * 8, find_white(samples.values))
    if reduced > 1 and not is_jpeg(content):  # other decoders cannot decode at a reduced size
        size = -(-pixels.shape[1] // reduced), -(-pixels.shape[0] // reduced)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return pixels, reduced, depth


def _appearance_function() -> Describe:
    try:
        import imagehash
        import PIL.Image
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[convert]'") from None

    def describe(bgr: NDArray[np.uint8], reduced: int) -> Appearance | None:
        grey: Any = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        if min(grey.shape) * reduced < MIN_SIDE or grey.std() < MIN_CONTRAST:
            return None
        bits = imagehash.phash(PIL.Image.fromarray(grey)).hash.ravel()
        side = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        return Appearance(bits, cv2.resize(grey, side, interpolation=cv2.INTER_AREA))

    return describe
