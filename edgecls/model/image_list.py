"""The list of images in a model file: which of them trained the network, which validated it, which tested it.

So a model can be measured later on images that it has never seen, even if the data set has grown or was sorted again. An
image is recognised by its file's content or, where that has been saved or tagged again, by its pixels: 6 bytes of a
SHA-256 each. Nothing of the images themselves can be read from them.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

FILE = "images.bin"
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_MAGIC = b"edgecls images 1\n"
_BYTES = 6
_COUNTS = struct.Struct("<3I")


@dataclass(frozen=True)
class ImageList:
    """`images` is split -> (content, pixels) of each image, `digest_bytes` of the SHA-256 of each."""

    images: Mapping[Split, frozenset[tuple[bytes, bytes]]]

    @classmethod
    def of(cls, images: Iterable[tuple[Split | None, str, str]]) -> "ImageList":
        """Make the list of images: split, and SHA-256 of content and of pixels in hexadecimal."""
        listed: dict[Split, set[tuple[bytes, bytes]]] = {split: set() for split in SPLITS}
        for split, content, pixels in images:
            if split:
                listed[split].add((_shortened(content), _shortened(pixels)))
        return cls({split: frozenset(each) for split, each in listed.items()})

    def __len__(self) -> int:
        """Return the number of images."""
        return sum(map(len, self.images.values()))

    def split_of(self, content: str, pixels: str) -> Split | None:
        """Return the split that an image was in, None for one that is not in the list; arguments as in `of`."""
        by_content, by_pixels = self._splits
        return by_content.get(_shortened(content)) or by_pixels.get(_shortened(pixels))

    @cached_property
    def _splits(self) -> tuple[dict[bytes, Split], dict[bytes, Split]]:
        """Content and pixels -> split; of one that is in several the first, so that what trained is known as that."""
        ordered = [(split, image) for split in reversed(SPLITS) for image in self.images.get(split, ())]
        return {image[0]: split for split, image in ordered}, {image[1]: split for split, image in ordered}

    def missing(self, images: Iterable[tuple[str, str]]) -> int:
        """Return how many images of the list are not among `images`: content and pixels of each, as in `of`."""
        there = {_shortened(digest) for image in images for digest in image}
        return sum(not there.intersection(image) for each in self.images.values() for image in each)

    def to_bytes(self) -> bytes:
        """Return the list as the model file holds it; the same images give the same bytes."""
        counts = _COUNTS.pack(*(len(self.images[split]) for split in SPLITS))
        images = (content + pixels for split in SPLITS for content, pixels in sorted(self.images[split]))
        return _MAGIC + counts + b"".join(images)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ImageList":
        """Read what `to_bytes` gave. Raises ValueError for anything else."""
        begin = len(_MAGIC) + _COUNTS.size
        if not data.startswith(_MAGIC) or len(data) < begin:
            raise ValueError("the list of images has another format")
        counts = _COUNTS.unpack_from(data, len(_MAGIC))
        if len(data) != begin + 2 * _BYTES * sum(counts):
            raise ValueError("the list of images is cut off")
        records = [data[at : at + 2 * _BYTES] for at in range(begin, len(data), 2 * _BYTES)]
        images, at = {}, 0
        for split, count in zip(SPLITS, counts, strict=True):
            images[split] = frozenset((each[:_BYTES], each[_BYTES:]) for each in records[at : at + count])
            at += count
        return cls(images)


def _shortened(digest: str) -> bytes:
    return bytes.fromhex(digest)[:_BYTES]
