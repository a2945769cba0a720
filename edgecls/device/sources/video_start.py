"""The start of a recording: the time in its container, or else the time of its file minus its length."""

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
_MATROSKA_HEAD = 2**16  # bytes that contain the information about the segment
_LONGEST_S = 366 * 86400.0  # a longer video must be an error of its file
_SAME_TIME = timedelta(seconds=5)


def start_of(path: str, modified: datetime, seconds: float) -> datetime:
    """Return when the first frame of the video at `path` was captured (aware, UTC).

    `modified` is the file's time of modification, `seconds` its length; MP4 and MOV contain a more exact one (`mvhd`).
    They also contain a time of creation, as do Matroska and WebM (`DateUTC`). Phones set it at the end of the recording:
    then it equals the time of modification. Without a plausible time of creation, the recording is taken to end at the
    time of modification. Raises OSError.
    """
    created, length = _header(path)
    seconds = min(length or seconds, _LONGEST_S)
    now = datetime.now(timezone.utc)
    if created is None or not _EARLIEST < created < max(now, modified) + timedelta(days=1):
        return modified - timedelta(seconds=seconds)
    if abs(modified - created) < min(_SAME_TIME, timedelta(seconds=seconds / 2)):
        return created - timedelta(seconds=seconds)
    return created


def _header(path: str) -> tuple[datetime | None, float]:
    """Return the container's time of creation, or None, and its length in seconds, or 0."""
    with open(path, "rb") as file:
        try:
            if file.read(4) == _MATROSKA:
                match = _DATE_UTC.search(file.read(_MATROSKA_HEAD))
                nanoseconds = struct.unpack(">q", match[1])[0] if match else None
                since = None if nanoseconds is None else timedelta(microseconds=nanoseconds / 1000)
                return None if since is None else _MATROSKA_EPOCH + since, 0.0
            created, length = _movie_header(file)
            return _MP4_EPOCH + timedelta(seconds=created) if created else None, length
        except (struct.error, OverflowError):  # cut off, or of another format
            return None, 0.0


def _movie_header(file: BinaryIO) -> tuple[int, float]:
    """Return time of creation and length in `moov/mvhd` (ISO/IEC 14496-12, 8.2.2), or zeros.

    Both are in seconds; the time counts from 1904.
    """
    size = os.fstat(file.fileno()).st_size
    for kind, start, end in _boxes(file, 0, size):
        if kind == b"moov":
            for inner, at, _ in _boxes(file, start, end):
                if inner == b"mvhd":
                    file.seek(at)
                    version = file.read(4)[:1]
                    fields = struct.Struct(">QQIQ" if version == b"\x01" else ">IIII")
                    created, _, scale, length = fields.unpack(file.read(fields.size))
                    return created, length / scale if scale else 0.0
    return 0, 0.0


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the content of each box between two positions."""
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
