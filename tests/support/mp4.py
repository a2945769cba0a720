"""MP4 files with different frame durations and a creation time."""

import struct

import cv2
from moving_pictures import numbered

TICKS = 1024  # in OpenCV's files a tenth of a second


def write_mp4(path, tenths, created=0):
    """Write a video of numbered pictures; `tenths` are their durations, `created` is in seconds since 1904.

    OpenCV writes a constant rate: its table of times (`stts`) is replaced. It lies behind the pictures, whose offsets stay.
    """
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (64, 48))
    for n in range(len(tenths)):
        writer.write(numbered(n)[:, :, ::-1])
    writer.release()
    data = bytearray(path.read_bytes())
    parents, at, end = find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts")
    table = b"".join(struct.pack(">II", 1, round(n * TICKS)) for n in tenths)
    table = struct.pack(">I4sII", 16 + len(table), b"stts", 0, len(tenths)) + table
    data[at:end] = table
    for parent in parents:
        (size,) = struct.unpack_from(">I", data, parent)
        struct.pack_into(">I", data, parent, size + len(table) - (end - at))
    _, at, _ = find(data, b"moov", b"mvhd")
    struct.pack_into(">I", data, at + 12, created)
    path.write_bytes(data)
    return path


def find(data, *kinds):
    """Return (where the enclosing boxes begin, where the box begins, where it ends)."""
    parents, at, end = [], 0, len(data)
    for kind in kinds:
        while data[at + 4 : at + 8] != kind:
            at += struct.unpack_from(">I", data, at)[0]
        end = at + struct.unpack_from(">I", data, at)[0]
        parents.append(at)
        at += 8
    return parents[:-1], parents[-1], end
