"""How pictures of other proportions are made to fit the model: cropped, stretched or padded."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, noise, plain

from edgecls.images.framing import COVER, FULL, PADDING, Preprocessing, reduction, seen_share
from edgecls.images.preprocess import load_pixels

SIDE = st.integers(1, 90)
WHOLE = st.sampled_from(["stretch", "pad"])


def filled(pixels):
    """(top, bottom, left, right) of what is not padding, in a picture without this grey."""
    rows, columns = (np.flatnonzero((pixels != PADDING).any((2, axis))) for axis in (1, 0))
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def turn(jpeg, orientation):
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_padding_is_on_both_sides_and_grey():
    pixels = load_pixels(plain("red", 80, 20), Preprocessing(40, 40, "pad"))
    assert (pixels[15:25] == plain("red", 40, 10)).all()
    assert (pixels[:15] == PADDING).all()
    assert (pixels[25:] == PADDING).all()
    assert np.array_equal(load_pixels(plain("red", 20, 80), Preprocessing(40, 40, "pad")), pixels.transpose(1, 0, 2))


def test_padding_is_grey_for_a_grey_model_too():
    pixels = load_pixels(plain("red", 80, 20), Preprocessing(40, 40, "pad", channels=1))
    assert (pixels[:15] == PADDING).all()


def test_without_anything_to_pad_it_is_as_stretched():
    image = noise(80, 60)
    padded, stretched = (load_pixels(image, Preprocessing(40, 30, fit)) for fit in ("pad", "stretch"))
    assert np.array_equal(padded, stretched)


@given(height=SIDE, width=SIDE, model_height=SIDE, model_width=SIDE)
def test_padding_keeps_the_proportions_within_a_pixel(height, width, model_height, model_width):
    pixels = load_pixels(plain((9, 9, 9), width, height), Preprocessing(model_width, model_height, "pad"))
    assert pixels.shape == (model_height, model_width, 3)
    top, bottom, left, right = filled(pixels)
    rows, columns = bottom - top, right - left
    assert rows == model_height or columns == model_width
    scale = min(model_height / height, model_width / width)
    assert abs(rows - max(1, height * scale)) <= 0.5
    assert abs(columns - max(1, width * scale)) <= 0.5
    assert abs((model_height - bottom) - top) <= 1
    assert abs((model_width - right) - left) <= 1
    assert (pixels[top:bottom, left:right] == 9).all()


@settings(max_examples=60)
@given(height=SIDE, width=SIDE, model_height=SIDE, model_width=SIDE, fit=WHOLE, data=st.data())
def test_every_pixel_of_the_picture_is_seen(height, width, model_height, model_width, fit, data):
    """Stretched or padded, with nothing cut off, each pixel that is made white makes something brighter."""
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    # A pixel's share must not be rounded away: it is as many white ones as the mean over one of the model's takes.
    tall, wide = -(-height // model_height), -(-width // model_width)
    if fit == "pad":
        tall = wide = max(tall, wide)
    black, lit = plain((0, 0, 0), width, height), plain((0, 0, 0), width, height)
    lit[max(0, y - tall + 1) : y + tall, max(0, x - wide + 1) : x + wide] = 255
    spec = Preprocessing(model_width, model_height, fit)
    assert (load_pixels(lit, spec).astype(int) - load_pixels(black, spec)).max() > 20


@given(height=SIDE, width=SIDE, model_height=SIDE, model_width=SIDE, fit=WHOLE, share=st.floats(0.1, 1))
def test_with_a_crop_the_central_share_of_each_side_is_seen(height, width, model_height, model_width, fit, share):
    """Painted outside of that: the result does not change."""
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    top, left = (height - rows) // 2, (width - columns) // 2
    image = np.full((height, width, 3), 255, np.uint8)
    image[top : top + rows, left : left + columns] = 9
    pixels = load_pixels(image, Preprocessing(model_width, model_height, fit, share))
    assert np.isin(pixels, (9, PADDING)).all()


@given(height=SIDE, width=SIDE, share=st.floats(0.1, 1))
def test_the_share_that_is_seen_is_that_of_the_pixels(height, width, share):
    """Of an area as large as the picture: each pixel is counted."""
    kept = max(1, round(min(height, width) * share))
    assert seen_share((width, height), Preprocessing(7, 7, "crop", share)) == kept**2 / (width * height)
    for fit in ("stretch", "pad"):
        assert seen_share((width, height), Preprocessing(7, 7, fit)) == 1


def test_a_wide_picture_is_averaged_in_the_direction_in_which_it_shrinks():
    """One column in ten is white: skipping columns would see all of them, or none."""
    image = plain((0, 0, 0), 1000, 20)
    image[:, ::10] = 250
    pixels = load_pixels(image, Preprocessing(40, 40, "stretch"))
    assert pixels.min() >= 15
    assert pixels.max() <= 35


@pytest.mark.parametrize(
    ("size", "spec", "expected"),
    [
        ((4000, 400), Preprocessing(224, 224, "stretch"), 1),
        ((4000, 2000), Preprocessing(224, 224, "stretch"), 4),
        ((4000, 400), Preprocessing(224, 224, "pad"), 8),
        ((1920, 1080), Preprocessing(224, 224, "pad"), 4),
        ((896, 600), Preprocessing(224, 224, "pad"), 2),
        ((894, 600), Preprocessing(224, 224, "pad"), 1),
    ],
)
def test_how_far_a_picture_is_reduced(size, spec, expected):
    assert reduction(size, spec) == expected
    assert reduction(size[::-1], spec) == expected
    assert reduction(size, spec, FULL) == 1
    assert COVER == 2


def gradient(width, height):
    x, y = np.linspace(0, 255, width), np.linspace(0, 255, height)
    return np.dstack([*np.meshgrid(x, y), np.full((height, width), 20)]).round().astype(np.uint8)


@settings(max_examples=30)
@given(
    width=st.integers(200, 900),
    height=st.integers(200, 900),
    side=st.integers(10, 60),
    fit=WHOLE,
    turned=st.sampled_from([1, 3, 6, 8]),
)
def test_a_reduced_picture_shows_what_the_full_one_shows(width, height, side, fit, turned):
    """Within a pixel of the model's, also where EXIF turns it: the slope says where its pixels come from."""
    data = turn(encode(gradient(width, height), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95), turned)
    spec = Preprocessing(side, side, fit)
    full, reduced = load_pixels(data, spec, cover=FULL), load_pixels(data, spec)
    assert np.array_equal(full[:, :, 2] == PADDING, reduced[:, :, 2] == PADDING)
    inner = full[:, :, 2] != PADDING
    slope = 255 / min(np.flatnonzero(inner.any(axis)).size for axis in (0, 1))
    assert np.abs(full.astype(int) - reduced)[inner].mean() <= slope / 2 + 2
