import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise

from edgecls.device.configuration.source_settings import CameraSettings, Region
from edgecls.device.sources.view import view

TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_clockwise(rotation):
    picture = noise(30, 20)
    expected = cv2.rotate(picture, TURNS[rotation]) if rotation else picture
    assert np.array_equal(view(picture, CameraSettings(rotation=rotation)), expected)


def test_the_region_is_that_of_the_upright_picture():
    picture = noise(40, 20)
    settings = CameraSettings(rotation=90, region=Region(x=0.5, y=0.25, width=0.25, height=0.5))
    upright = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE)
    assert np.array_equal(view(picture, settings), upright[10:30, 10:15])


@given(
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    start=st.floats(0, 1, exclude_max=True),
    share=st.floats(1e-6, 1),
    rotation=st.sampled_from([0, 90, 180, 270]),
)
def test_something_is_always_kept(size, start, share, rotation):
    share = min(share, 1 - start)
    region = Region(x=start, y=start, width=share, height=share)
    seen = view(np.zeros((*size, 3), np.uint8), CameraSettings(rotation=rotation, region=region))
    height, width = size if rotation in (0, 180) else size[::-1]
    for kept, all_of_it in zip(seen.shape, (height, width), strict=False):
        assert 1 <= kept <= all_of_it
        assert abs(kept - share * all_of_it) <= 1
    assert seen.flags["C_CONTIGUOUS"]
