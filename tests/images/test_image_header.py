"""What is read of an image before it is decoded: its size, and whether its end is there."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import mutants
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images.framing import Preprocessing
from edgecls.images.image_header import MAX_PIXELS, MAX_SCANS, check_header, image_size
from edgecls.images.preprocess import decode, decode_reduced, load_pixels
from edgecls.inference.classifier import Classifier

SUFFIXES = [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm"]
IMAGE = noise(61, 43)
JPEG = encode(IMAGE, ".jpg")
PROGRESSIVE = encode(IMAGE, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
RESTARTED = encode(IMAGE, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1)
SIDE = 65_000


def verdict(read, data):
    """Why `data` is refused, or None."""
    try:
        read(data)
    except BadImage as error:
        assert "\n" not in str(error)  # noqa: PT017 - an image may be whole
        return str(error)
    return None


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(SUFFIXES))
def test_the_size_is_that_of_the_decoded_image(width, height, suffix):
    data = encode(noise(width, height), suffix)
    assert image_size(data) == (width, height)
    assert decode(data).shape == (height, width, 3)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(order, *tags):
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(f"{order}IH", 8, len(tags)) + entries


HUGE = {
    "png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0)) + bytes(9000),
    "jpeg": b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", SIDE, SIDE) + b"\x01\x01\x11\0" + b"\xff\xd9",
    "gif": b"GIF89a" + struct.pack("<HH", SIDE, SIDE) + bytes(3),
    "bmp": b"BM" + bytes(12) + struct.pack("<Iii", 40, SIDE, -SIDE) + bytes(28),
    "bmp of OS/2": b"BM" + bytes(12) + struct.pack("<IHH", 12, SIDE, SIDE) + bytes(8),
    "webp": b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<IIHBHB", 10, 0, SIDE - 1, 0, SIDE - 1, 0),
    "tiff": tiff("<", (256, SIDE), (257, SIDE)),
    "tiff of a Motorola": tiff(">", (256, SIDE), (257, SIDE)),
    "tiff with such tiles": tiff("<", (256, 8), (257, 8), (322, SIDE), (323, SIDE)),
    "ppm": b"P6\n# a comment\n65000 65000\n255\n" + bytes(1000),
    "pbm": b"P4 65000\t65000 " + bytes(1000),
    "avif": b"\0\0\0\x1cftypavif" + bytes(16) + b"ispe\0\0\0\0" + struct.pack(">II", SIDE, SIDE),
}


@pytest.mark.parametrize("data", HUGE.values(), ids=HUGE)
def test_a_huge_picture_in_a_small_file_is_refused_before_it_is_decoded(data):
    assert len(data) < 10_240
    said = f"is {SIDE} x {SIDE} pixels large: the limit (max_pixels) is {MAX_PIXELS}"
    assert verdict(decode, data) == verdict(decode_reduced, data) == said


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_limit_can_be_set(suffix, tiny_model):
    data = encode(IMAGE, suffix)
    pixels = 61 * 43
    assert decode(data, pixels).shape == check_shape(data)
    for read in (decode, decode_reduced, check_header):
        with pytest.raises(BadImage, match=f"^is 61 x 43 pixels large: the limit .max_pixels. is {pixels - 1}$"):
            read(data, pixels - 1)
    with pytest.raises(BadImage, match="is 61 x 43 pixels large"):
        load_pixels(data, Preprocessing(8, 8), pixels - 1)
    assert Classifier(tiny_model, max_pixels=pixels).classify(data).error is None
    assert "is 61 x 43 pixels" in Classifier(tiny_model, max_pixels=pixels - 1).classify(data).error


def check_shape(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape


@pytest.mark.parametrize("whole", [JPEG, PROGRESSIVE, RESTARTED], ids=["baseline", "progressive", "restart markers"])
def test_a_jpeg_is_refused_wherever_it_is_cut(whole):
    assert verdict(decode, whole) is None
    for length in range(1, len(whole)):
        for rest in (b"", bytes(len(whole) - length)):  # what a file system leaves of a file not flushed
            cut = whole[:length] + rest
            assert verdict(decode, cut), length
            assert verdict(decode_reduced, cut), length
    assert verdict(decode, whole[:-2]) == "is cut off or damaged: the end of the JPEG is missing"


@pytest.mark.parametrize("trailing", [b"\0", bytes(5000), b"\r\n", b"\xff" * 9, JPEG, b"a preview \xff\xd8\xff"])
def test_what_follows_the_end_of_a_jpeg_is_no_matter(trailing):
    assert np.array_equal(decode(JPEG + trailing), decode(JPEG))


def test_a_preview_in_a_jpeg_is_not_taken_for_its_end():
    preview = b"Exif\0\0" + encode(noise(8, 8), ".jpg")
    whole = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview + JPEG[2:]
    assert image_size(whole) == (61, 43)
    assert np.array_equal(decode(whole), decode(JPEG))
    assert "cut off" in verdict(decode, whole[:-10])


@pytest.mark.parametrize("whole", [JPEG, PROGRESSIVE, RESTARTED], ids=["baseline", "progressive", "restart markers"])
def test_a_jpeg_in_the_middle_of_which_another_begins(whole):
    """A card that lost the end of one file and the beginning of the next."""
    at = whole.rindex(b"\xff\xda") + 20
    assert verdict(decode, whole[:at] + JPEG) == "is damaged: another JPEG begins in the middle of it"


@pytest.mark.parametrize("quality", [80, 101], ids=["lossy", "lossless"])
def test_a_webp_that_ends_in_zeros(quality):
    """What a file system leaves of a file that was not flushed: libwebp makes pixels of it."""
    whole = encode(noise(400, 300), ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)
    assert verdict(decode, whole) is None
    torn = whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)
    assert (
        verdict(decode, torn)
        == verdict(decode_reduced, torn)
        == "is cut off or damaged: the end of the WebP is filled with zeros"
    )
    plain = encode(np.full((1000, 1000, 3), 128, np.uint8), ".webp", cv2.IMWRITE_WEBP_QUALITY, quality)
    assert verdict(decode, plain) is None


def test_a_jpeg_of_too_many_scans():
    """Each may be a few bytes long, and cost a pass over all pixels."""
    scan = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    assert (
        verdict(decode, PROGRESSIVE[:-2] + scan * MAX_SCANS + b"\xff\xd9")
        == "is a JPEG of more than 100 scans: save it again"
    )


@given(st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF1234WEBPVP8X", b"RIFF1234WEBPVP8L",
                        b"RIFF1234WEBPVP8 ", b"II*\0", b"MM\0*", b"P5\n", b"1234ftyp", b""]),
       st.binary(max_size=200))  # fmt: skip
def test_any_bytes_have_a_size_or_none(signature, rest):
    try:
        size = image_size(signature + rest)
    except BadImage as error:
        assert "is cut off or damaged" in str(error)  # noqa: PT017 - a size is as good
    else:
        assert size is None or (len(size) == 2 and min(size) >= 0)
    verdict(decode, signature + rest)


def test_mutants_are_images_or_errors_and_check_agrees_with_decode(tiny_model):
    whole = [JPEG, PROGRESSIVE, RESTARTED, *(encode(IMAGE, suffix) for suffix in SUFFIXES[1:])]
    classifier = Classifier(tiny_model)
    outcomes = {True: 0, False: 0}
    for number, data in enumerate(mutants(whole, 1000, seed=4)):
        result = classifier.classify(data)
        assert (result.label is None) == (result.error is not None), number
        assert (verdict(decode_reduced, data) is None) == (verdict(decode, data) is None), number
        assert result.error or verdict(decode, data) is None, number  # it also hears what libjpeg only remarks on
        outcomes[result.error is None] += 1
    assert min(outcomes.values()) > 100
