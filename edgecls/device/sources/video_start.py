"""When a video began: what its container says, or else the end of its file less its length."""

import os
import re
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

_MP4_EPOCH = datetime(1904, 1, 1, tzinfo=timezone.utc)
_MATROSKA_EPOCH = datetime(2001, 1, 1, tzinfo=timezone.utc)
_EARLIEST = datetime(1990, 1, 1, tzinfo=timezone.utc)
_MATROSKA = b"\x1a\x45\xdf\xa3"
_DATE_UTC = re.compile(rb"\x44\x61\x88(.{8})", re.DOTALL)
"""The element DateUTC (RFC 9559, 5.1.2.4): 8 bytes, nanoseconds since 2001."""
_MATROSKA_HEAD = 2**16  # bytes in which the segment's information stands
_SAME_TIME = timedelta(seconds=5)


def start_of(path: str, modified: datetime, seconds: float) -> datetime:
    """Return when the first frame of the video at `path` was captured (aware, UTC).

    `modified` is the file's time of modification, `seconds` its length. MP4 and MOV tell a time of creation (`mvhd`),
    Matroska and WebM one, too (`DateUTC`). Phones write it when the recording ends: then it is the time of
    modification. A file without a plausible one was written until its recording ended. Raises OSError.
    """
    created = _created(path)
    now = datetime.now(timezone.utc)
    if created is None or not _EARLIEST < created < max(now, modified) + timedelta(days=1):
        return modified - timedelta(seconds=seconds)
    if abs(modified - created) < min(_SAME_TIME, timedelta(seconds=seconds / 2)):
        return created - timedelta(seconds=seconds)
    return created


def _created(path: str) -> datetime | None:
    """Return the container's time of creation; None where it tells none."""
    with open(path, "rb") as file:
        try:
            if file.read(4) == _MATROSKA:
                found = _DATE_UTC.search(file.read(_MATROSKA_HEAD))
                nanoseconds = struct.unpack(">q", found[1])[0] if found else None
                return None if nanoseconds is None else _MATROSKA_EPOCH + timedelta(microseconds=nanoseconds / 1000)
            seconds = _movie_header(file)
            return _MP4_EPOCH + timedelta(seconds=seconds) if seconds else None
        except (struct.error, OverflowError):  # cut off, or of another format
            return None


def _movie_header(file: BinaryIO) -> int:
    """Return the time of creation in `moov/mvhd`, seconds since 1904 (ISO/IEC 14496-12, 8.2.2); 0 where there is none."""
    size = os.fstat(file.fileno()).st_size
    for kind, start, end in _boxes(file, 0, size):
        if kind == b"moov":
            for inner, at, _ in _boxes(file, start, end):
                if inner == b"mvhd":
                    file.seek(at)
                    version, long = struct.unpack(">B3xQ", file.read(12))
                    return int(long if version == 1 else long >> 32)
    return 0


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start and end of the content) of the boxes between two positions."""
    while at < end:
        file.seek(at)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", file.read(8))[0], 16
        if size == 0:
            size = end - at
        if size < head:
            return
        yield kind, at + head, at + size
        at += size
