import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import noise

from edgecls.errors import UsageError
from edgecls.training.fitting.augment import PRESETS, Augmentation, augment, find_preset


def views(how, pixels, count=40):
    return [augment(pixels, how, np.random.default_rng(seed)) for seed in range(count)]


def unlike(pixels, found):
    """How many different views there are beside the image itself."""
    return len({view.tobytes() for view in found} - {pixels.tobytes()})


@given(st.sampled_from(sorted(PRESETS)), st.integers(0, 2**31), st.sampled_from([1, 3]))
def test_a_view_has_the_shape_of_the_image(preset, seed, channels):
    pixels = np.ascontiguousarray(noise(20, 20, seed % 7)[..., :channels])
    view = augment(pixels, PRESETS[preset], np.random.default_rng(seed))
    assert (view.shape, view.dtype, view.flags.c_contiguous) == (pixels.shape, np.uint8, True)
    again = augment(pixels, PRESETS[preset], np.random.default_rng(seed))
    assert np.array_equal(view, again)


def test_what_each_may_do():
    pixels = noise(16, 16)
    assert unlike(pixels, views(Augmentation(), pixels)) == 0
    assert unlike(pixels, views(Augmentation(mirror=True), pixels)) == 1
    assert unlike(pixels, views(Augmentation(mirror=True, flip=True, turn=True), pixels)) == 7  # of a square
    assert unlike(pixels, views(Augmentation(shift=0.2), pixels)) > 30
    assert unlike(pixels, views(Augmentation(tilt=10), pixels)) > 30
    light = views(Augmentation(light=0.1), pixels)
    assert all(abs(float(view.mean()) - pixels.mean()) < 27 for view in light)
    assert np.ptp([view.mean() for view in light]) > 10


def test_a_tilt_is_about_the_centre_and_no_larger_than_it_says():
    pixels = np.zeros((41, 41, 1), np.uint8)
    pixels[20, :] = 255
    for view in views(Augmentation(tilt=10), pixels):
        assert view[20, 20, 0] == 255
        left, right = (int(view[:, column, 0].argmax()) for column in (0, 40))
        assert max(abs(left - 20), abs(right - 20)) <= 4  # tan 10 degrees * 20 is 3.5
        assert abs(left - 20 + right - 20) <= 1


def test_digits_are_not_mirrored():
    pixels = np.zeros((28, 28, 1), np.uint8)
    pixels[:, 4:10] = 255  # on the left
    assert all(view[:, :14].sum() > view[:, 14:].sum() for view in views(PRESETS["digits"], pixels))


def test_presets_by_name():
    assert find_preset("photo").mirror
    assert not find_preset("photo").flip
    with pytest.raises(UsageError, match=r"unknown augmentation 'music' \(known: auto, none, photo"):
        find_preset("music")
