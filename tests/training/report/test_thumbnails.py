import base64

import cv2
import numpy as np
import pytest
from pictures import plain

from edgecls.training.report.thumbnails import WIDTH, overlay, thumbnail

PREFIX = "data:image/jpeg;base64,"


def decode(address):
    assert address.startswith(PREFIX)
    data = np.frombuffer(base64.b64decode(address[len(PREFIX) :]), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize(("width", "height"), [(28, 28), (224, 224), (300, 100), (1, 1)])
def test_a_thumbnail_keeps_proportions_and_colours(width, height):
    shown = decode(thumbnail(plain("red", width, height)))
    assert shown.shape == (WIDTH * height // width, WIDTH, 3)
    np.testing.assert_allclose(shown, plain("red", WIDTH, shown.shape[0]), atol=4)


def test_grey_pixels_are_shown_in_grey():
    shown = decode(thumbnail(np.full((28, 28, 1), 90, np.uint8)))
    np.testing.assert_allclose(shown, 90, atol=2)


@pytest.mark.parametrize("channels", [1, 3])
def test_heat_is_red_where_it_is_and_blue_where_not(channels):
    heat = np.repeat([[1, 1, 0, 0]], 4, axis=0).astype(np.float32)
    shown = decode(overlay(np.full((28, 28, channels), 128, np.uint8), heat)).astype(int)
    left, right = shown[75, 20], shown[75, -20]
    assert left[0] > left[2] + 30
    assert right[2] > right[0] + 30
