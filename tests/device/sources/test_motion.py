import itertools
import threading

import numpy as np
import pytest
from delivered import delivered
from paths import SHARED_DATA
from pictures import noise

from edgecls.device.configuration.source_settings import MotionSettings, VideoSettings
from edgecls.device.sources import open_source
from edgecls.device.sources.motion import MotionGate

CLIP = SHARED_DATA / "video/bottle-detection.mp4"


def scene(seed, square=None, width=320, height=240):
    """A room with sensor noise, and perhaps something dark in it at column `square`."""
    picture = noise(width, height).astype(int)
    if square is not None:
        picture[100:160, square : square + 60] = 0
    grain = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("method", ["mog2", "knn"])
def test_what_moves_passes_and_what_does_not_is_counted(method):
    gate = MotionGate(MotionSettings(method=method, warm_up_frames=10))
    empty = [gate.passes(scene(n)) for n in range(40)]
    visit = [gate.passes(scene(n, square=20 * (n - 40))) for n in range(40, 50)]
    after = [gate.passes(scene(n)) for n in range(50, 70)]
    assert not any(empty)
    assert all(visit)
    assert not any(after[5:])
    assert gate.still == (empty + visit + after).count(False)


def test_the_threshold_is_a_share_of_the_picture():
    def passes(threshold):
        gate = MotionGate(MotionSettings(threshold=threshold, warm_up_frames=10))
        for n in range(20):
            gate.passes(scene(n))
        return gate.passes(scene(20, square=100)), gate.changed

    moving, changed = passes(0.03)
    assert moving
    assert changed == pytest.approx(60 * 60 / (320 * 240), rel=0.1)
    assert not passes(0.06)[0]


def test_while_it_learns_nothing_passes():
    gate = MotionGate(MotionSettings(warm_up_frames=3))
    assert [gate.passes(scene(n, square=50 * n)) for n in range(5)] == [False, False, False, True, True]


def test_another_shape_of_picture_is_learnt_again():
    gate = MotionGate(MotionSettings(warm_up_frames=2))
    for n in range(5):
        gate.passes(scene(n))
    assert not gate.passes(scene(6, width=240, height=320))
    assert gate.changed == 1


def test_pictures_of_one_pixel():
    assert not MotionGate(MotionSettings()).passes(np.zeros((1, 1, 3), np.uint8))


@pytest.mark.skipif(not CLIP.exists(), reason="the clips are not here")
def test_bottles_on_a_table():
    gate = MotionGate(MotionSettings())
    with open_source(VideoSettings(path=CLIP)) as source:
        passed = [gate.passes(frame.image) for frame in itertools.islice(delivered(source, threading.Event()), 300)]
    assert 0 < sum(passed) < len(passed)
