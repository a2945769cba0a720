"""Rewrite what libjpeg warns of in a JPEG although no pixel depends on it."""

import re
import struct
from collections.abc import Iterator

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""Not in entropy-coded data: there 0xFF is followed by 0x00, or by one of the eight restart markers."""
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Frame headers; C4, C8 and CC are tables."""
_SEQUENTIAL = {0xC0, 0xC1}
_EXIF, _ADOBE, _JFIF = 0xE1, 0xEE, 0xE0
_NEEDED = SOF | {0xC4, 0xCC, 0xDB, 0xDD, SOS, _EXIF, _ADOBE, _JFIF}


def segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (marker code, payload, entropy-coded data after it) up to the end of the picture (EOI, which is left out).

    ITU-T T.81, annex B. Bytes between the segments are passed over, as libjpeg does. Raises struct.error where a
    segment is cut off.
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


def without_oddities(data: bytes) -> bytes:
    """Return the same picture without the parts of its headers that libjpeg warns of.

    Bytes between segments, unknown JFIF versions and Adobe transforms, ICC profiles, and scan parameters that a
    sequential JPEG has no use for. `data` comes back as it is where it cannot be taken apart.
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
        if code in _NEEDED:
            usual = _usual(code, payload, sequential=frame[0] in _SEQUENTIAL, components=frame[1][5])
            copy += [struct.pack(">BBH", 0xFF, code, len(usual) + 2), usual, entropy]
    return b"".join([*copy, b"\xff\xd9"])


def _usual(code: int, payload: bytes, *, sequential: bool, components: int) -> bytes:
    """Return the payload of a segment with the values that most JPEGs have where libjpeg ignores others."""
    if code == _JFIF and payload[:5] == b"JFIF\0":
        return payload[:5] + b"\1" + payload[6:]
    if (
        code == _ADOBE
        and payload[:5] == b"Adobe"
        and len(payload) >= 12
        and payload[11] > (1 if components == 3 else 2)
    ):
        return payload[:11] + (b"\1" if components == 3 else b"\2") + payload[12:]
    if code == SOS and sequential and len(payload) >= 4:
        return payload[:-3] + b"\0\x3f\0"
    return payload


def pad_before_marker(data: bytes, count: int, code: int) -> bytes | None:
    """Return `data` with `count` zeros before the marker replaced by fill bytes (0xFF); None where there are none.

    Zeros there are padding by an encoder. Other bytes were meant to be pixels. `code` is the marker's; a restart
    marker stands for all eight.
    """
    marker = rb"[\xd0-\xd7]" if 0xD0 <= code <= 0xD7 else re.escape(bytes([code]))
    padded, found = re.subn(rb"\0{%d}(?=\xff+%s)" % (count, marker), b"\xff" * count, data, flags=re.DOTALL)
    return padded if found else None
