"""Whether the end of an image is missing, told from files of every kind that OpenCV can write."""

import struct

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise

from edgecls.images.image_end import end_is_missing

PIXELS = noise(61, 47)
ROTATED = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
WRITTEN = {
    "jpeg": encode(PIXELS, ".jpg"),
    "progressive jpeg": encode(PIXELS, ".jpg", *ROTATED),
    "png": encode(PIXELS, ".png"),
    "bmp": encode(PIXELS, ".bmp"),
    "tiff": encode(PIXELS, ".tiff"),
    "webp": encode(PIXELS, ".webp"),
    "ppm": encode(PIXELS, ".ppm"),
    "grey pgm": cv2.imencode(".pgm", PIXELS[:, :, 0])[1].tobytes(),
    "pbm": b"P4\n# bits\n61 47\n" + bytes(8 * 47),
    "ppm of 16 bits": b"P6 61 47 65535\n" + bytes(6 * 61 * 47),
    "text pgm": b"P2\n61 47\n255\n" + b"7 " * (61 * 47),
    "text pbm": b"P1\n61 47\n" + b"1" * (61 * 47),
}
WRITTEN |= {suffix: encode(PIXELS, f".{suffix}") for suffix in ("gif", "avif") if cv2.haveImageWriter(f".{suffix}")}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_whole_file_has_its_end(kind):
    assert not end_is_missing(WRITTEN[kind])


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_beginning_has_none(kind):
    data = WRITTEN[kind]
    assert not [length for length in range(len(data) - 3) if not end_is_missing(data[:length])]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "bmp", "tiff"])
def test_what_follows_the_end_is_no_matter(kind):
    assert not end_is_missing(WRITTEN[kind] + b"\0" * 5000)
    assert not end_is_missing(WRITTEN[kind] + b"a preview, a maker's note")


@pytest.mark.parametrize("data", [b"", b"\0", b"\0" * 100_000, b"\xff\xd8", b"\x89PNG\r\n", b"RIFF\x12", b"GIF"])
def test_what_has_hardly_begun(data):
    assert end_is_missing(data)


@pytest.mark.parametrize(
    "data",
    [
        b"text", b"<html><body>404 Not Found</body></html>", b"version https://git-lfs.github.com/spec/v1\noid",
        b"P5 and no more of it, but a sentence", WRITTEN["png"][:40] + b"\0\0\0\1\1\1\1\1" + WRITTEN["png"][48:],
        b"PK\3\4" + bytes(100), b"\0\0\0\4ftypheic" + bytes(100),
    ],
)  # fmt: skip
def test_what_is_no_image_or_damaged_elsewhere_waits_for_nothing(data):
    assert not end_is_missing(data)


def test_pixels_that_a_compressed_bitmap_states_by_its_size():
    header = struct.pack("<2sIHHIIiiHHIIIIII", b"BM", 70, 0, 0, 54, 40, 9, 9, 1, 8, 1, 0, 0, 0, 0, 0)
    assert end_is_missing(header)
    assert not end_is_missing(header + bytes(16))


@given(st.sampled_from(sorted(WRITTEN)), st.integers(0, 400), st.binary(max_size=80))
def test_any_bytes_have_an_answer(kind, at, some):
    data = WRITTEN[kind]
    assert end_is_missing(data[:at] + some + data[at + len(some) :]) in {True, False}
    assert end_is_missing(data[:at] + some) in {True, False}
