"""What libjpeg warns about although no pixel is lost, alone and before damage; and all readers agree."""

import re
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutants import mutants
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images import jpeg
from edgecls.images.framing import FULL, Preprocessing
from edgecls.images.preprocess import decode, decode_reduced, decode_strict, load_pixels
from edgecls.inference.classifier import Classifier

SPEC = Preprocessing(12, 12)
IMAGE = noise(320, 240)
WHOLE = encode(IMAGE, ".jpg")
RESTARTED = encode(IMAGE, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
PROGRESSIVE = encode(IMAGE, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
KINDS = {"baseline": WHOLE, "restart markers": RESTARTED, "progressive": PROGRESSIVE}


def before(data, marker, extra, which=0):
    """`data` with extra bytes before one of its markers."""
    at = [match.start() for match in re.finditer(re.escape(marker), data)][which]
    return data[:at] + extra + data[at:]


def holed(data):
    """A stretch of the entropy-coded data is missing, in its middle."""
    at = data.rindex(b"\xff\xda") + 200
    at += (len(data) - at) // 3
    return data[:at] + data[at + 400 :]


def strange_version(data):
    assert data[6:11] == b"JFIF\0"
    return data[:11] + b"\0" + data[12:]


def strange_adobe(data):
    assert data[2:6] == b"\xff\xe0\0\x10"
    data = data[:2] + data[20:]  # with a JFIF header it would not be looked at
    return data[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x07" + data[2:]


def strange_scan(data):
    """Of a sequential JPEG, whose scan header should end with 0, 63, 0."""
    at = data.rindex(b"\xff\xda") + 2
    end = at + struct.unpack_from(">H", data, at)[0]
    return data[: end - 3] + b"\0\0\0" + data[end:]


HARMLESS = {
    "bytes before a table": before(WHOLE, b"\xff\xdb", b"garbage"),
    "bytes before the frame": before(WHOLE, b"\xff\xc0", b"\1\2\3"),
    "bytes before the scan": before(WHOLE, b"\xff\xda", b"\0" * 9),
    "bytes before the end": before(WHOLE, b"\xff\xd9", b"\x12\x34\x56", -1),
    "zeros before a restart marker": before(RESTARTED, b"\xff\xd3", bytes(5)),
    "zeros between scans": before(PROGRESSIVE, b"\xff\xda", bytes(3), 2),
    "an unknown version of JFIF": strange_version(WHOLE),
    "an unknown colour transform": strange_adobe(WHOLE),
    "odd scan parameters": strange_scan(WHOLE),
    "several of these": strange_version(before(before(WHOLE, b"\xff\xdb", b"xy"), b"\xff\xc4", b"zz")),
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS)
def test_what_costs_no_pixel_is_no_damage(data, capfd):
    plain = next(whole for whole in KINDS.values() if abs(len(data) - len(whole)) < 40)
    assert np.array_equal(decode(data), decode(plain))
    assert decode_reduced(data).shape == (30, 40, 3)
    pixels, warnings = decode_strict(data, SPEC)
    assert np.array_equal(pixels, load_pixels(plain, SPEC))
    assert warnings
    assert capfd.readouterr().err == ""


def test_bytes_before_a_restart_marker_that_are_no_padding_are_damage():
    """They were meant to be pixels: libjpeg has used the wrong ones of the interval."""
    with pytest.raises(BadImage, match="part of the picture is missing"):
        decode(before(RESTARTED, b"\xff\xd3", b"\x5a\x3c\x99"))


ODDITIES = {
    "bytes before a table": lambda data: before(data, b"\xff\xdb", b"garbage"),
    "an unknown version of JFIF": strange_version,
    "an unknown colour transform": strange_adobe,
    "a long application segment": lambda data: data[:2] + b"\xff\xef\xff\xff" + bytes(65533) + data[2:],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("oddity", ODDITIES)
def test_a_harmless_warning_hides_no_damage(kind, oddity):
    """libjpeg writes only the first of its warnings."""
    with pytest.raises(BadImage, match="part of the picture is missing"):
        decode(ODDITIES[oddity](holed(KINDS[kind])))


def verdict(read, *arguments, **options):
    try:
        read(*arguments, **options)
    except BadImage as error:
        return str(error)
    return None


def test_all_readers_give_the_same_verdict(tiny_model, capfd):
    others = [encode(IMAGE[:60, :80], suffix) for suffix in (".png", ".webp", ".tiff", ".bmp", ".ppm")]
    images = [*HARMLESS.values(), *KINDS.values(), *others]
    images += [*map(holed, KINDS.values()), *mutants(images, 400, seed=23)]
    classifier = Classifier(tiny_model)
    refused = 0
    for number, data in enumerate(images):
        verdicts = {
            verdict(decode_reduced, data),
            verdict(decode, data),
            verdict(load_pixels, data, SPEC),
            verdict(load_pixels, data, SPEC, cover=FULL),
            verdict(load_pixels, data, Preprocessing(224, 224)),
            classifier.classify(data).error,
        }
        assert len(verdicts) == 1, (number, verdicts)
        refused += verdicts != {None}
    assert 100 < refused < len(images) - 100
    assert capfd.readouterr().err == ""


@given(st.sampled_from(sorted(KINDS)), st.integers(1, 400), st.floats(0, 1))
def test_data_missing_from_a_scan_is_refused_or_leaves_the_picture_as_it_is(kind, length, place):
    data = KINDS[kind]
    first = data.index(b"\xff\xda") + 14
    at = first + int(place * (len(data) - first - length - 2))
    cut = data[:at] + data[at + length :]
    verdicts = {verdict(decode_reduced, cut), verdict(decode, cut), verdict(load_pixels, cut, SPEC)}
    assert len(verdicts) == 1


def test_images_with_harmless_warnings_and_damaged_ones_in_many_threads():
    images = [*HARMLESS.values(), *map(holed, KINDS.values()), WHOLE] * 8
    expected = [verdict(decode, data) is None for data in images]
    start = threading.Barrier(4)

    def work(data):
        return verdict(decode, data) is None

    with ThreadPoolExecutor(4, initializer=start.wait) as pool:
        assert list(pool.map(work, images)) == expected


def test_libpng_writes_no_line(capfd):
    bad = bytearray(encode(IMAGE, ".png"))
    bad[len(bad) // 2] ^= 255
    assert verdict(decode, bytes(bad))
    chunk = b"\0\0\0\x04gAMA\0\0\0\0" + bytes(4)  # of a wrong checksum
    odd = encode(IMAGE, ".png")
    assert verdict(decode, odd[:33] + chunk + odd[33:]) is None
    assert capfd.readouterr().err == ""


def test_without_simplejpeg_opencv_gives_the_same_pixels_and_reports_no_damage(monkeypatch, capfd):
    """On 32-bit ARM, where there are no wheels."""
    whole = [*KINDS.values(), *HARMLESS.values()]
    strict = [load_pixels(data, SPEC) for data in whole]
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    assert all(np.array_equal(load_pixels(data, SPEC), pixels) for data, pixels in zip(whole, strict, strict=True))
    assert verdict(decode, holed(WHOLE)) is None
    assert "the end of the JPEG is missing" in verdict(decode, WHOLE[:-100])
    assert capfd.readouterr().err == ""
