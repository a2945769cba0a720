"""Pictures with an alpha channel: what people see of them is what a model gets."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise

from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import decode, decode_reduced, load_pixels
from edgecls.images.transparency import paint
from edgecls.inference.classifier import Classifier

SHAPE = np.zeros((48, 64), np.uint8)
cv2.circle(SHAPE, (32, 24), 15, 255, -1, cv2.LINE_AA)
KINDS = {"png": (".png",), "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY, 101), "lossy webp": (".webp",)}


def encoded(bgr, alpha, kind="png"):
    suffix, *options = KINDS[kind]
    done, data = cv2.imencode(suffix, np.dstack([bgr, alpha]), options)
    assert done
    return data.tobytes()


def of_colour(level):
    return np.full((*SHAPE.shape, 3), level, np.uint8)


def likeness(data):
    """The correlation of the picture's grey levels with the drawing, -1 to 1."""
    grey = cv2.cvtColor(decode(data), cv2.COLOR_BGR2GRAY)
    return np.corrcoef(grey.ravel(), SHAPE.ravel())[0, 1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [0, 30, 200, 255])
def test_a_drawing_in_the_alpha_channel_alone_is_seen(kind, level):
    data = encoded(of_colour(level), SHAPE, kind)
    assert abs(likeness(data)) > 0.99
    grey = cv2.cvtColor(decode(data), cv2.COLOR_BGR2GRAY)
    assert np.ptp(grey) > 180 if level in {0, 255} else np.ptp(grey) > 150
    assert decode_reduced(data).std() > 20
    assert np.array_equal(load_pixels(data, Preprocessing(64, 48)), decode(data)[..., ::-1])


@pytest.mark.parametrize("hidden", [0, 255])
def test_black_lines_over_hidden_colours(hidden):
    bgr = of_colour(hidden)
    bgr[SHAPE > 0] = 0
    assert likeness(encoded(bgr, SHAPE)) < -0.99


def test_a_cut_out_stands_on_white_whatever_lies_under_what_is_transparent():
    under = noise(64, 48, seed=5)
    one, other = under.copy(), under.copy()
    other[SHAPE == 0] = 17
    assert np.array_equal(decode(encoded(one, SHAPE)), decode(encoded(other, SHAPE)))
    assert (decode(encoded(one, SHAPE))[SHAPE == 0] == 255).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_alpha_channel_that_says_nothing_is_dropped(level):
    rgb = noise(64, 48)
    assert np.array_equal(decode(encoded(rgb, np.full_like(SHAPE, level))), rgb)


def test_a_drawing_in_16_bits():
    bgra = np.dstack([of_colour(0), SHAPE]).astype(np.uint16) * 257
    data = cv2.imencode(".png", bgra)[1].tobytes()
    assert likeness(data) < -0.99


@pytest.mark.parametrize("kind", [".tiff", ".bmp", ".png"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_drawing_in_the_alpha_channel_that_opencv_has_written(kind, depth):
    """OpenCV declares no alpha in a TIFF, and libtiff leaves its colours as they are."""
    for level in (0, 255):
        bgra = np.dstack([of_colour(level), SHAPE]).astype(depth) * (257 if depth == np.uint16 else 1)
        if kind == ".bmp" and depth == np.uint16:
            return
        data = cv2.imencode(kind, bgra)[1]
        if cv2.imdecode(data, cv2.IMREAD_UNCHANGED).shape[2] < 4:
            pytest.skip("this OpenCV gives no alpha of it, as 4.8 of a BMP")
        assert abs(likeness(data.tobytes())) > 0.99


def test_colours_under_an_undeclared_alpha_are_not_multiplied_by_it():
    bgra = np.dstack([of_colour(100), np.where(SHAPE > 0, 128, 0).astype(np.uint8)])
    data = cv2.imencode(".tiff", bgra)[1].tobytes()
    assert abs(int(decode(data)[24, 32, 0]) - 177) <= 1  # 100 at a half, on white


def test_a_transparent_tiff():
    """libtiff multiplies the colours by alpha."""
    pytest.importorskip("PIL", reason="Pillow comes with the extra `convert`")
    from PIL import Image

    for level, sign in ((255, 1), (0, -1)):
        file = io.BytesIO()
        Image.fromarray(np.dstack([of_colour(level), SHAPE])).save(file, "TIFF")
        assert likeness(file.getvalue()) * sign > 0.99


def test_the_device_gets_what_training_gets(tiny_model):
    data = encoded(of_colour(0), SHAPE)
    classifier = Classifier(tiny_model)
    assert np.array_equal(classifier._decode(classifier_frame(data)), load_pixels(data, classifier.preprocessing))


def classifier_frame(data):
    from edgecls.inference.classifier import as_frame

    return as_frame(data)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans())
def test_any_picture_can_be_painted(seed, width, height, deep, premultiplied):
    chance = np.random.default_rng(seed)
    kind = np.uint16 if deep else np.uint8
    pixels = chance.integers(0, np.iinfo(kind).max, (height, width, 4), kind, endpoint=True)
    painted = paint(pixels[..., :3], pixels[..., 3], premultiplied=premultiplied)
    assert (painted.shape, painted.dtype) == ((height, width, 3), kind)
