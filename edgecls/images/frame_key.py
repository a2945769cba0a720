"""Build the key of a frame that was a file: its name, a digest of its content, and its arrival if files are moved away."""

import os
import re

import xxhash


def digest(data: bytes) -> str:
    """Return the XXH3 digest of an image: 128 bits as 32 hexadecimal digits.

    It takes 0.05 ms for a photograph of 12 megapixels; the fastest digest of the standard library takes 2 ms. It is not
    cryptographic: two contents that were made to have the same digest, under one name, would be one frame.
    """
    return xxhash.xxh3_128_hexdigest(data)


def file_key(name: str, content: bytes | str, arrival: int | None = None) -> str:
    """Return the key of the file called `name` while it has this `content`.

    `content` is the whole content, or if it was not read a text that stands for it. `arrival` distinguishes files of one name
    and content that came one after the other: the time of the last change, in nanoseconds since 1970. It is left out
    where files stay, so that a file that is touched keeps its key.
    """
    key = f"{name}#{digest(content) if isinstance(content, bytes) else content}"
    return key if arrival is None else f"{key}@{arrival}"


def name_in(key: str) -> str:
    """Return the name of the file that has this key."""
    return key.rpartition("#")[0]


def without_arrival(key: str) -> str:
    """Return the key without the arrival of the file."""
    name, mark, content = key.rpartition("#")
    return f"{name}{mark}{content.partition('@')[0]}"


def digest_in(key: str) -> str | None:
    """Return the digest of the content that has this key; None for frames that were not files."""
    match = _DIGEST.search(key)
    return match and match[1]


_DIGEST = re.compile(r"#([0-9a-f]{32})(?:@\d+)?\Z")


def named_by_content(name: str, content_digest: str, digits: int) -> str:
    """Return the file name `name` with `digits` digits of the digest of its content before the suffix: `a-5d41402a.jpg`.

    A file gets this name in the folder of finished files if another content has its name already. A name that is too long
    for a file system is cut.
    """
    stem, suffix = os.path.splitext(os.fsencode(name))
    if len(suffix) > _LONGEST_SUFFIX:
        stem, suffix = os.fsencode(name), b""
    end = f"-{content_digest[:digits]}".encode() + suffix
    return os.fsdecode(stem[: _LONGEST_NAME - len(end)] + end)


DIGITS = (8, 32)
"""Digits of the digest in a file name: 8, or all 32 if two contents have the same first ones."""
_LONGEST_NAME, _LONGEST_SUFFIX = 255, 32  # bytes
