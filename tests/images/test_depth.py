"""Which value is white, and what becomes of the others."""

import logging

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import encode, noise

from edgecls.errors import BadImage
from edgecls.images import depth
from edgecls.images.depth import WHITES, Samples, White, find_white, stated_white, to_eight_bits
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import decode, decode_reduced, load_pixels

PICTURE = noise(64, 48)
SIXTEEN = (".png", ".tiff", ".ppm")


@pytest.fixture(autouse=True)
def _nothing_logged(monkeypatch):
    monkeypatch.setattr(depth, "_logged", set())


def deep(rgb, white, suffix=".png"):
    """A file of 16 bits in which `white` is as bright as 255 in `rgb`."""
    return encode(np.round(rgb / 255 * white).astype(np.uint16), suffix)


@pytest.mark.parametrize("suffix", SIXTEEN)
@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
def test_a_deep_file_is_seen_like_the_same_picture_in_eight_bits(suffix, white):
    spec = Preprocessing(16, 12, white16=white)
    off = load_pixels(deep(PICTURE, white, suffix), spec).astype(int) - load_pixels(PICTURE, spec)
    assert np.abs(off).max() <= 1


def test_grey_files_are_scaled_too():
    spec = Preprocessing(16, 12, white16=4095, channels=1)
    data = cv2.imencode(".png", PICTURE[:, :, 0].astype(np.uint16) * 16)[1].tobytes()
    assert abs(int(load_pixels(data, spec).max()) - int(load_pixels(PICTURE[:, :, [0] * 3], spec).max())) <= 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".ppm"])
def test_files_of_eight_bits_stay_as_they_are_for_a_model_of_deep_ones(suffix):
    data = encode(PICTURE, suffix)
    assert np.array_equal(
        load_pixels(data, Preprocessing(16, 12, white16=1023)), load_pixels(data, Preprocessing(16, 12))
    )


def test_camera_pixels_are_never_scaled():
    assert np.array_equal(
        load_pixels(PICTURE, Preprocessing(16, 12, white8=16, white16=1023)),
        load_pixels(PICTURE, Preprocessing(16, 12)),
    )


def test_a_dark_picture_stays_dark():
    dark = (PICTURE // 16).astype(np.uint8)
    pixels = load_pixels(deep(dark, 4095), Preprocessing(16, 12, white16=4095))
    assert pixels.max() <= dark.max()


@pytest.mark.parametrize("suffix", SIXTEEN)
def test_a_model_that_knows_no_white_takes_the_upper_eight_bits(suffix):
    assert np.array_equal(decode(deep(PICTURE, 65535, suffix), white=White()), PICTURE[:, :, ::-1])


def test_values_above_white_become_white():
    samples = Samples(np.array([[[0, 4095, 60000]]], np.uint16))
    assert to_eight_bits(samples, White(sixteen=4095)).tolist() == [[[0, 255, 255]]]


@given(white=st.sampled_from(WHITES), values=st.lists(st.integers(0, 65535), min_size=3, max_size=60))
def test_the_scale_is_even_and_never_falls(white, values):
    values = np.sort(np.array(values[: len(values) // 3 * 3], np.uint16)).reshape(1, -1, 3)
    scaled = to_eight_bits(Samples(values), White(sixteen=white)).astype(int).ravel()
    raw = values.ravel().astype(int)
    expected = raw >> 8 if white == 65535 else np.minimum(np.rint(raw * 255 / white), 255)
    assert np.array_equal(scaled, expected)
    assert (np.diff(scaled) >= 0).all()


@given(brightest=st.integers(1, 65535))
def test_the_least_white_that_holds_all_is_found(brightest):
    white = find_white(np.array([[0, brightest]], np.uint16))
    smaller = [each for each in WHITES if each < white]
    assert brightest <= white * depth.MARGIN
    assert not smaller or brightest > int(smaller[-1] * depth.MARGIN)


def test_of_eight_bits_only_far_too_dark_ones_are_scaled():
    assert find_white(np.array([[0, 63]], np.uint8)) == 255
    assert [find_white(np.array([[0, each]], np.uint8)) for each in (1, 3, 9, 16, 17)] == [1, 3, 15, 16, 255]


def test_broken_pixels_and_a_step_too_much_do_not_count():
    values = np.full((200, 200), 3000, np.uint16)
    values[5, 5] = values[100, 100] = 65535
    assert find_white(values) == 4095
    assert find_white(np.full((9, 9), 4096, np.uint16)) == 4095


def test_a_black_picture_says_nothing():
    assert find_white(np.zeros((4, 4), np.uint16)) == 0


def pnm(maximum, values, kind=b"P5", comment=b""):
    body = values.astype(">u2" if maximum > 255 else np.uint8).tobytes()
    return kind + b"\n" + comment + b"%d %d\n%d\n" % (values.shape[1], values.shape[0], maximum) + body


@pytest.mark.parametrize("maximum", [1, 15, 100, 1023, 4095, 10000])
@pytest.mark.parametrize("comment", [b"", b"# 1 2 3\n"])
def test_a_pgm_says_itself_what_is_white(maximum, comment):
    grey = np.linspace(0, maximum, 16 * 12).round().reshape(12, 16).astype(int)
    data = pnm(maximum, grey, comment=comment)
    for spec in (Preprocessing(16, 12), Preprocessing(16, 12, white8=3, white16=500)):
        assert np.array_equal(load_pixels(data, spec)[:, :, 0], np.rint(grey * 255 / maximum))
    assert stated_white(data) == maximum


@pytest.mark.parametrize("maximum", [255, 65535])
def test_a_pgm_that_states_all_its_bits_says_nothing(maximum):
    assert stated_white(pnm(maximum, np.zeros((4, 4)))) is None


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float32])
def test_signed_and_floating_point_samples_are_refused(dtype):
    picture = (PICTURE.astype(np.float32) - 100).astype(dtype)
    data = cv2.imencode(".tiff", picture)[1].tobytes()
    for read in (decode, decode_reduced):
        with pytest.raises(BadImage, match=f"^has samples of {np.dtype(dtype)}: save it with 8 or 16 bits"):
            read(data)


def test_for_looking_at_a_deep_picture_is_scaled_by_its_own_values():
    off = decode(deep(PICTURE, 4095)).astype(int) - PICTURE[:, :, ::-1]
    assert np.abs(off).max() <= 1
    assert decode_reduced(deep(PICTURE, 4095)).max() > 150


def test_a_model_that_sees_black_says_so_once(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            load_pixels(deep(PICTURE, 1023), Preprocessing(16, 12))
    assert [record.getMessage().split(", ")[0] for record in caplog.records] == [
        "a 16-bit picture has no value above 1023"
    ]


def test_what_exceeds_white_is_reported_once(caplog):
    with caplog.at_level(logging.WARNING):
        for white in (4095, 4095, 65535):
            load_pixels(deep(PICTURE, white), Preprocessing(16, 12, white16=4095))
        for _ in range(2):
            load_pixels(encode(PICTURE), Preprocessing(16, 12, white8=16))
    assert [record.args[1] for record in caplog.records] == [4095, 16]


@pytest.mark.parametrize("white", [{"white8": 0}, {"white8": 256}, {"white16": 0}, {"white16": 65536}])
def test_impossible_whites(white):
    with pytest.raises(ValueError, match="impossible white"):
        Preprocessing(16, 16, **white)
