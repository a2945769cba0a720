"""The key of a frame that was a file: its name, a digest of its content, and where files are taken away its arrival."""

import os
import re

import xxhash


def digest(data: bytes) -> str:
    """Return 128 bits, as 32 hexadecimal digits, that tell any two images apart.

    XXH3 reads a photograph of 12 megapixels in some 0.05 ms; the fastest digest of the standard library takes 2 ms, a
    fourteenth of all that is done with it. Nobody is kept out by it: two contents that are made to have the same digest,
    under one name, would be one frame.
    """
    return xxhash.xxh3_128_hexdigest(data)


def file_key(name: str, content: bytes | str, arrival: int | None = None) -> str:
    """Return the key of the file called `name` while it has this `content`.

    `content` is all of it, or where it was not read a text that tells contents apart. `arrival` tells apart files of one name and one
    content that came one after the other: the time at which the file became what it is, in nanoseconds since 1970. It
    is left out where files stay, so that a file that is touched keeps its key.
    """
    key = f"{name}#{digest(content) if isinstance(content, bytes) else content}"
    return key if arrival is None else f"{key}@{arrival}"


def name_in(key: str) -> str:
    """Return the name of the file that has this key."""
    return key.rpartition("#")[0]


def without_arrival(key: str) -> str:
    """Return the key that the file would have if it did not matter when it arrived."""
    name, mark, content = key.rpartition("#")
    return f"{name}{mark}{content.partition('@')[0]}"


def digest_in(key: str) -> str | None:
    """Return the digest of the content that has this key; None in the keys of frames that were no files."""
    match = _DIGEST.search(key)
    return match and match[1]


_DIGEST = re.compile(r"#([0-9a-f]{32})(?:@\d+)?\Z")


def named_by_content(name: str, content_digest: str, digits: int) -> str:
    """Return the file name `name` with `digits` digits of the digest of its content before the suffix: `a-5d41402a.jpg`.

    This is the name in the folder of files that are done where another content has the name already. One that gets too
    long for a file system is cut.
    """
    stem, suffix = os.path.splitext(os.fsencode(name))
    if len(suffix) > _LONGEST_SUFFIX:
        stem, suffix = os.fsencode(name), b""
    end = f"-{content_digest[:digits]}".encode() + suffix
    return os.fsdecode(stem[: _LONGEST_NAME - len(end)] + end)


DIGITS = (8, 32)
"""So many digits of the digest, and all of them should two contents have the same first ones."""
_LONGEST_NAME, _LONGEST_SUFFIX = 255, 32  # bytes
