import dataclasses
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import encode, noise, plain

from edgecls.errors import BadImage
from edgecls.images.framing import COVER, FULL, Preprocessing, reduction
from edgecls.images.preprocess import decode, decode_reduced, load_pixels

SPEC = Preprocessing(16, 12, "crop", 0.875)
IMAGE = noise(60, 40)


def with_alpha(rgb, alpha):
    return cv2.imencode(".png", np.dstack([rgb[:, :, ::-1], np.full(rgb.shape[:2], alpha, np.uint8)]))[1].tobytes()


def sixteen_bits(rgb):
    return cv2.imencode(".png", rgb[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes()


def with_orientation(jpeg, orientation):
    """Put an EXIF segment with this one tag (274) behind the start marker."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


LOSSLESS = {
    "png": encode(IMAGE, ".png"),
    "bmp": encode(IMAGE, ".bmp"),
    "ppm": encode(IMAGE, ".ppm"),
    "tiff": encode(IMAGE, ".tiff"),
    "webp": encode(IMAGE, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
    "png of 16 bits": sixteen_bits(IMAGE),
    "png, opaque": with_alpha(IMAGE, 255),
    "png, half transparent": with_alpha(IMAGE, 128),
}


@pytest.mark.parametrize("data", LOSSLESS.values(), ids=LOSSLESS)
def test_a_lossless_file_gives_the_same_as_its_pixels(data):
    assert np.array_equal(load_pixels(data, SPEC), load_pixels(IMAGE, SPEC))


def test_the_result_is_rgb():
    spec = Preprocessing(4, 4)
    assert load_pixels(encode(plain("red")), spec).tolist() == plain("red", 4, 4).tolist()
    assert load_pixels(plain("red"), spec).tolist() == plain("red", 4, 4).tolist()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_grey_becomes_three_equal_channels(suffix):
    grey = IMAGE[:, :, 0]
    pixels = load_pixels(cv2.imencode(suffix, grey)[1].tobytes(), SPEC)
    assert (pixels == pixels[:, :, :1]).all()
    assert np.abs(pixels.astype(int) - load_pixels(np.dstack([grey] * 3), SPEC)).mean() < 3


def test_a_grey_spec_gives_the_luma():
    grey = dataclasses.replace(SPEC, channels=1)
    pixels = load_pixels(IMAGE, grey)
    assert (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) == ((12, 16, 1), np.uint8, True)
    luma = load_pixels(IMAGE, SPEC) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pixels[:, :, 0] - luma).max() <= 0.51
    assert np.array_equal(load_pixels(LOSSLESS["png"], grey), pixels)


@pytest.mark.parametrize("data", [cv2.imencode(".png", IMAGE[:, :, 1])[1].tobytes(), IMAGE[:, :, [1, 1, 1]]])
def test_a_grey_image_keeps_its_values_in_a_grey_spec(data):
    grey = load_pixels(data, dataclasses.replace(SPEC, channels=1))
    assert np.array_equal(grey, load_pixels(IMAGE, SPEC)[:, :, 1:2])


@pytest.mark.parametrize(("orientation", "quarter_turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_rotation_is_applied(orientation, quarter_turns):
    jpeg = encode(IMAGE, ".jpg")
    turned = np.rot90(decode(jpeg), quarter_turns)
    assert np.array_equal(decode(with_orientation(jpeg, orientation)), turned)


def test_crop_keeps_the_centre_with_the_models_proportions():
    """A spec as large as what is kept: nothing is resized, and the pixels say where they are from."""
    image = noise(80, 40)
    assert np.array_equal(load_pixels(image, Preprocessing(40, 40)), image[:, 20:60])
    assert np.array_equal(load_pixels(image, Preprocessing(20, 20, "crop", 0.5)), image[10:30, 30:50])
    assert np.array_equal(load_pixels(image, Preprocessing(80, 20)), image[10:30])


def test_stretch_keeps_everything():
    image = noise(80, 40)
    assert np.array_equal(load_pixels(image, Preprocessing(80, 40, "stretch")), image)
    assert np.array_equal(load_pixels(image, Preprocessing(40, 20, "stretch", 0.5)), image[10:30, 20:60])
    halved = load_pixels(image, Preprocessing(40, 20, "stretch"))
    means = image.reshape(20, 2, 40, 2, 3).mean((1, 3))
    assert np.abs(halved - means).max() <= 0.5


def test_enlarging_interpolates():
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 1] = 200
    row = load_pixels(image, Preprocessing(8, 4, "stretch"))[0, :, 0].tolist()
    assert (row[0], row[-1]) == (0, 200)
    assert row == sorted(row)
    assert len(set(row)) > 3


@pytest.mark.parametrize("fit", ["crop", "stretch"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40_000, 3), (40_000, 1, 3), (2, 3, 3)])
def test_extreme_proportions(shape, fit):
    assert load_pixels(np.full(shape, 7, np.uint8), Preprocessing(16, 12, fit)).tolist() == [[[7] * 3] * 16] * 12


VIEWS = {
    "channels reversed": IMAGE[:, :, ::-1],
    "upside down": IMAGE[::-1],
    "every other pixel": IMAGE[::2, ::2],
    "column major": np.asfortranarray(IMAGE),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_any_memory_layout(view):
    view.flags.writeable = False
    pixels = load_pixels(view, SPEC)
    assert np.array_equal(pixels, load_pixels(np.ascontiguousarray(view), SPEC))
    assert pixels.flags.c_contiguous


BAD = {
    "empty": b"",
    "text": b"no image at all\n",
    "zeros": bytes(1000),
    "half a PNG": encode(IMAGE)[:1000],
    "the head of a JPEG": encode(IMAGE, ".jpg")[:150],
    "a PNG that claims 10^10 pixels": encode(IMAGE)[:16] + struct.pack(">II", 10**5, 10**5) + encode(IMAGE)[24:],
    "half a WebP": encode(IMAGE, ".webp")[:300],
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_no_image(data):
    with pytest.raises(BadImage, match=r"^(holds nothing but|is (empty|a text file|cut off|100000 x 1))") as caught:
        load_pixels(data, SPEC)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadImage):
        decode_reduced(data)


@pytest.mark.parametrize("data", LOSSLESS.values(), ids=LOSSLESS)
def test_check_passes_what_decodes(data):
    decode_reduced(data)


@pytest.mark.parametrize(
    "array", [IMAGE / 255, IMAGE[:, :, 0], np.dstack([IMAGE, IMAGE[:, :, :1]]), IMAGE[:0], IMAGE.astype(np.int8)]
)
def test_arrays_that_are_not_rgb_pixels(array):
    with pytest.raises(BadImage, match=r"is not RGB pixels: expected uint8 \(height, width, 3\), got "):
        load_pixels(array, SPEC)


@pytest.mark.parametrize(
    "values",
    [
        (0, 16), (16, -1), (16, 16, "letterbox"), (16, 16, "crop", 0.0), (16, 16, "crop", 1.01), (16, 16, "crop", -1),
        (16, 16, "crop", 1.0, 0), (16, 16, "crop", 1.0, 2), (16, 16, "crop", 1.0, 4),
    ],
)  # fmt: skip
def test_impossible_preprocessing(values):
    with pytest.raises(ValueError, match="impossible preprocessing"):
        Preprocessing(*values)


SIDE = st.integers(1, 70)
SPECS = st.builds(Preprocessing, SIDE, SIDE, st.sampled_from(["crop", "stretch"]), st.floats(0.01, 1))


@given(height=SIDE, width=SIDE, spec=SPECS)
def test_any_size_fits_any_model(height, width, spec):
    pixels = load_pixels(plain((1, 2, 3), width, height), spec)
    assert pixels.shape == (spec.height, spec.width, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (1, 2, 3)).all()


@given(height=st.integers(1, 200), width=st.integers(1, 200), share=st.floats(0.05, 1))
def test_what_lies_outside_the_crop_is_not_seen(height, width, share):
    """A border that the crop leaves out is painted: the result does not change."""
    side = min(height, width)
    kept = max(1, round(side * share))
    top, left = (height - kept) // 2, (width - kept) // 2
    image = np.full((height, width, 3), 255, np.uint8)
    image[top : top + kept, left : left + kept] = 9
    assert (load_pixels(image, Preprocessing(16, 16, "crop", share)) == 9).all()


@pytest.mark.parametrize(
    ("size", "spec", "cover", "expected"),
    [
        ((500, 375), Preprocessing(224, 224, "crop", 0.875), COVER, 1),
        ((1920, 1080), Preprocessing(224, 224, "crop", 0.875), COVER, 2),
        ((1920, 1080), Preprocessing(224, 224, "crop", 0.875), 1, 4),
        ((4056, 3040), Preprocessing(224, 224, "crop", 0.875), COVER, 4),
        ((4056, 3040), Preprocessing(224, 224, "crop", 0.875), 1, 8),
        ((4056, 3040), Preprocessing(224, 224, "crop", 0.875), FULL, 1),
        ((896, 896), Preprocessing(224, 224), COVER, 2),
        ((895, 896), Preprocessing(224, 224), COVER, 1),
        ((4000, 400), Preprocessing(200, 40), COVER, 1),  # EXIF may turn it: then only 400 x 80 of it are kept
        ((4000, 400), Preprocessing(200, 100, "stretch"), COVER, 1),
        ((3200, 1600), Preprocessing(200, 100, "stretch"), COVER, 4),
    ],
)  # fmt: skip
def test_how_far_a_picture_is_reduced(size, spec, cover, expected):
    assert reduction(size, spec, cover) == expected
    assert reduction(size[::-1], spec, cover) == expected


def gradient(width, height):
    """Pixels that say where they are: the red grows to the right, the green downwards."""
    x, y = np.linspace(0, 255, width), np.linspace(0, 255, height)
    return np.dstack([*np.meshgrid(x, y), np.full((height, width), 128)]).round().astype(np.uint8)


@settings(max_examples=40)
@given(width=st.integers(60, 700), height=st.integers(60, 700), spec=SPECS, turned=st.sampled_from([1, 3, 6, 8]))
def test_a_reduced_picture_shows_what_the_full_one_shows(width, height, spec, turned):
    """Within a pixel of the model's: a slope says where its pixels come from."""
    data = with_orientation(encode(gradient(width, height), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95), turned)
    full, reduced = load_pixels(data, spec, cover=FULL), load_pixels(data, spec)
    if reduction((width, height), spec) == 1:
        assert np.array_equal(full, reduced)
    steps = 255 / np.array([width, height]) * min(width / spec.width, height / spec.height)
    assert np.abs(full.astype(int) - reduced).mean() <= steps.max() + 2


def test_a_reduced_decode_is_close_to_the_full_one():
    data = encode(noise(1280, 960), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95)
    for side, scale in ((50, 8), (100, 4), (200, 2)):
        spec = Preprocessing(side, side, "crop", 0.875)
        assert reduction((1280, 960), spec) == scale
        off = np.abs(load_pixels(data, spec, cover=FULL).astype(int) - load_pixels(data, spec))
        assert off.mean() < 1.5


def test_a_progressive_and_a_grey_jpeg_are_reduced_alike():
    spec = Preprocessing(40, 40)
    progressive = encode(noise(640, 480), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert np.array_equal(load_pixels(progressive, spec), load_pixels(encode(noise(640, 480), ".jpg"), spec))
    grey = load_pixels(cv2.imencode(".jpg", noise(640, 480)[:, :, 0])[1].tobytes(), spec)
    assert (grey == grey[:, :, :1]).all()


def test_a_jpeg_with_a_second_frame_header():
    first = encode(noise(80, 60), ".jpg")
    both = first[:-2] + b"\xff\xc2\0\x0b\x08" + struct.pack(">HH", 6000, 8000) + b"\1\1\x11\0\xff\xd9"
    with pytest.raises(BadImage, match=r"^is damaged: another picture begins in the middle of it$"):
        load_pixels(both, Preprocessing(40, 40))


def test_other_formats_are_decoded_in_full():
    for suffix in (".png", ".webp", ".bmp"):
        data = encode(noise(640, 480), suffix)
        assert np.array_equal(
            load_pixels(data, Preprocessing(16, 16)), load_pixels(data, Preprocessing(16, 16), cover=FULL)
        )
