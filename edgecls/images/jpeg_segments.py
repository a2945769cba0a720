"""Take a JPEG apart into its segments, and leave out what libjpeg warns about although no pixel depends on it."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""Does not occur in entropy-coded data: there 0xFF is followed by 0x00 or by one of the eight restart markers."""
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Frame headers; C4, C8 and CC are tables."""
_SEQUENTIAL = {0xC0, 0xC1}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_EXIF, _ADOBE, _JFIF = 0xE1, 0xEE, 0xE0
_IGNORED = {*range(0xE0, 0xF0), 0xFE} - {_EXIF, _ADOBE, _JFIF}
"""Segments of applications, and comments."""


class FrameHeader(NamedTuple):
    """The first frame header: size in pixels, and the number of coefficients of all its components."""

    width: int
    height: int
    is_progressive: bool
    coefficients: int


def frame_header(data: bytes) -> FrameHeader | None:
    """Return the first frame header; None if there is none before the first scan, or it is damaged.

    Reads the segments by their lengths (ITU-T T.81, annex B); nothing after the frame header.
    """
    at = 2
    try:
        while data[at] == 0xFF:
            code = data[at + 1]
            if code in SOF:
                height, width, count = struct.unpack_from(">HHB", data, at + 5)
                factors = [divmod(data[at + 11 + 3 * component], 16) for component in range(count)]
                full = max(across for across, _ in factors) * max(down for _, down in factors)
                samples = sum(across * down for across, down in factors)
                return FrameHeader(width, height, code in _PROGRESSIVE, width * height * samples // full)
            at += 1 if code == 0xFF else 2 + struct.unpack_from(">H", data, at + 2)[0]
    except (IndexError, struct.error, ValueError, ZeroDivisionError):
        pass
    return None


def segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (marker code, payload, entropy-coded data after it) up to the end of the picture (EOI, which is left out).

    ITU-T T.81, annex B. Skips bytes between the segments, as libjpeg does. Raises struct.error if a segment is cut off.
    """
    at = 2
    while (marker := MARKER.search(data, at)) and marker[0][1] != EOI:
        code, at = marker[0][1], marker.end()
        if code == SOI:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        payload, at = data[at + 2 : at + length], at + max(2, length)
        entropy = b""
        if code == SOS:
            following = MARKER.search(data, at)
            end = following.start() if following else len(data)
            entropy, at = data[at:end], end
        yield code, payload, entropy


def exif(data: bytes) -> bytes:
    """Return the EXIF metadata of a JPEG, without their signature; empty if there are none."""
    try:
        for code, payload, _ in segments(data):
            if code == _EXIF and payload.startswith(b"Exif\0\0"):
                return payload[6:]
            if code == SOS:
                break
    except struct.error:
        pass
    return b""


def without_oddities(data: bytes) -> bytes:
    """Return the same picture without the parts of its headers that libjpeg warns about.

    These are bytes between segments, unknown JFIF versions and Adobe transforms, ICC profiles, and scan parameters that
    a sequential JPEG does not use. Returns `data` itself if it cannot be taken apart.
    """
    try:
        parts = list(segments(data))
    except struct.error:
        return data
    frame = next(((code, payload) for code, payload, _ in parts if code in SOF), None)
    if frame is None or len(frame[1]) < 6:
        return data
    copy = [b"\xff\xd8"]
    for code, payload, entropy in parts:
        if code not in _IGNORED:
            usual = _usual_payload(code, payload, sequential=frame[0] in _SEQUENTIAL, components=frame[1][5])
            copy += [struct.pack(">BBH", 0xFF, code, len(usual) + 2), usual, entropy]
    return b"".join([*copy, b"\xff\xd9"])


def _usual_payload(code: int, payload: bytes, *, sequential: bool, components: int) -> bytes:
    """Replace values that libjpeg ignores by those that most JPEGs have."""
    if code == _JFIF and payload[:5] == b"JFIF\0":
        return payload[:5] + b"\1" + payload[6:]
    if code == _ADOBE and payload[:5] == b"Adobe" and len(payload) >= 12:
        transform = 1 if components == 3 else 2
        return payload[:11] + bytes([min(payload[11], transform)]) + payload[12:]
    if code == SOS and sequential and len(payload) >= 4:
        return payload[:-3] + b"\0\x3f\0"
    return payload


def pad_before_marker(data: bytes, count: int, code: int) -> bytes | None:
    """Replace `count` zeros before the marker `code` by fill bytes (0xFF); return None if there are no such zeros.

    Zeros there are padding by an encoder; other bytes were meant to be pixels. A restart marker stands for all eight.
    """
    marker = rb"[\xd0-\xd7]" if 0xD0 <= code <= 0xD7 else re.escape(bytes([code]))
    padded, replaced = re.subn(rb"\0{%d}(?=\xff+%s)" % (count, marker), b"\xff" * count, data, flags=re.DOTALL)
    return padded if replaced else None
