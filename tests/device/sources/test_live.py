"""The patience of a live source, with a stand-in camera; real streams are in test_camera.py."""

import itertools
import re
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from delivered import delivered
from moving_pictures import StandInCamera, collecting

from edgecls.device.configuration.source_settings import CameraSettings
from edgecls.device.sources import live
from edgecls.device.sources.live import Backoff, LiveSource, unique_keys
from edgecls.errors import BadConfig, IoFailed

pytestmark = pytest.mark.slow

FAST = {"stall_seconds": 0.3, "reconnect_max_seconds": 0.1}


@pytest.fixture
def camera():
    camera = StandInCamera()
    yield camera
    camera.goes_on.set()  # lets a stuck reader go, so that no thread stays


@pytest.fixture(autouse=True)
def short_limits(monkeypatch):
    monkeypatch.setattr(live, "_OPEN_S", 0.3)
    monkeypatch.setattr(live, "_GRACE_S", 0.0)
    monkeypatch.setattr(live, "_LEAVE_S", 0.1)


def source(camera, **settings):
    return LiveSource(CameraSettings(**{"name": "test", **FAST, **settings}), camera)


def said(caplog):
    return [record.getMessage() for record in caplog.records]


def test_frames_come_with_time_and_a_name_of_their_own(camera, until):
    before = datetime.now(timezone.utc)
    with collecting(source(camera)) as (frames, _, _):
        until(lambda: len(frames) >= 5)
    after = datetime.now(timezone.utc)
    assert len({frame.key for frame in frames}) == len(frames)
    times = [frame.captured_at for frame in frames]
    assert times == sorted(times)
    assert before < times[0] <= times[-1] < after
    assert times[0].utcoffset() == timedelta()
    assert {(frame.source, frame.image.shape) for frame in frames} == {("camera:test", (4, 6, 3))}
    assert camera.released == 1


def test_the_newest_is_delivered_and_the_others_are_counted(camera, until):
    with source(camera) as opened:
        first = next(delivered(opened, threading.Event()))
        taken = camera.taken
        until(lambda: camera.taken >= taken + 20)
        newer = opened.next_frame()
        assert newer.captured_at - first.captured_at >= timedelta(seconds=20 * camera.seconds)
        assert opened.status().dropped >= 18


def test_between_two_intervals_nothing_is_decoded(camera, until):
    with collecting(source(camera, interval_seconds=60)) as (frames, signs, _):
        until(lambda: frames)
        camera.blank = True  # what was decoded from here on would be missed as a sign of life
        taken = camera.taken
        until(lambda: camera.taken > taken + 50)
        assert signs
    assert len(frames) == 1


def test_an_interval_separates_frames(camera, until):
    with collecting(source(camera, interval_seconds=0.1)) as (frames, _, _):
        until(lambda: len(frames) == 4)
    gaps = [after.captured_at - before.captured_at for before, after in itertools.pairwise(frames)]
    assert min(gaps) > timedelta(seconds=0.08)


def test_a_camera_that_goes_and_comes_back_is_reported_once_each(camera, until, caplog):
    caplog.set_level("INFO")
    opened = source(camera)
    with collecting(opened) as (frames, signs, _):
        until(lambda: frames)
        camera.reason = "it stopped sending frames"
        until(lambda: opened.status().lost)
        sighs = len(signs)
        until(lambda: len(signs) > sighs + 3)  # lost, and alive
        assert opened.status().lost == "it stopped sending frames"
        condition = opened.status()
        assert condition.lost == "it stopped sending frames"
        assert abs(datetime.now(timezone.utc) - condition.since) < timedelta(seconds=20)
        n = len(frames)
        camera.reason = None
        until(lambda: len(frames) > n)
        assert (opened.status().lost, opened.status().since) == (None, None)
    assert said(caplog)[0] == "camera:test is lost: it stopped sending frames; trying again until it responds"
    assert re.fullmatch(r"camera:test is back after \d+ s", said(caplog)[1])
    assert len(caplog.records) == 2


def test_the_first_frame_of_a_camera_that_comes_back_finds_it_said(camera, until):
    with source(camera) as opened:
        camera.reason = "gone"
        until(lambda: opened.next_frame() is None and opened.status().lost)
        camera.reason = None
        assert next(delivered(opened, threading.Event()))
        assert opened.status().lost is None


def test_a_camera_that_is_lost_before_its_first_frame_is_taken(camera, until, caplog):
    """The frame is delivered, and nothing is logged about the return of the camera."""
    opened = source(camera, reconnect_max_seconds=60)
    camera.left = 1
    with opened:
        until(lambda: camera.released)
        assert opened.next_frame()
        until(lambda: opened.next_frame() is None and said(caplog))  # the reader lets go of it a moment before it ends
    assert said(caplog) == ["camera:test is lost: used up; trying again until it responds"]


def test_a_camera_that_is_not_there_at_the_start_is_waited_for(camera, until, caplog):
    caplog.set_level("INFO")
    camera.reason = "there is no /dev/video9"
    opened = source(camera)
    with collecting(opened) as (frames, signs, _):
        assert said(caplog) == ["camera:test cannot be opened: there is no /dev/video9; trying again until it responds"]
        until(lambda: len(signs) > 3)
        camera.reason = None
        until(lambda: frames)
    assert re.fullmatch(r"camera:test is there after \d+ s", said(caplog)[1])
    assert len(caplog.records) == 2


def test_what_a_driver_throws_is_a_reason(until):
    def explode():
        raise RuntimeError("Camera __init__ sequence\ndid not complete.")

    opened = source(explode)
    with collecting(opened):
        until(lambda: opened.status().lost)
        assert opened.status().lost == "RuntimeError Camera __init__ sequence did not complete."


def test_attempts_become_rarer_up_to_the_limit():
    backoff = Backoff(60)
    assert [backoff.next_delay(now) for now in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    backoff.note_live(100)
    assert backoff.next_delay(101) == 60  # a loose contact is not tried more often
    backoff.note_live(200)
    assert backoff.next_delay(261) == 1


def test_a_read_that_does_not_return_is_noticed_and_left_alone(camera, until, caplog):
    caplog.set_level("INFO")
    opened = source(camera)
    with collecting(opened) as (frames, signs, _):
        until(lambda: frames)
        camera.goes_on.clear()
        until(lambda: opened.status().lost)
        assert re.fullmatch(r"no frame for \d+ s", opened.status().lost)
        sighs = len(signs)
        until(lambda: len(signs) > sighs + 3)
        assert camera.opened == 1  # no second reader beside the stuck one
        n = len(frames)
        camera.goes_on.set()
        until(lambda: len(frames) > n)
        assert camera.opened == 2
        assert camera.released == 1
    assert len(caplog.records) == 2


def test_a_camera_whose_opening_does_not_return(camera, until, monkeypatch):
    monkeypatch.setattr(live, "_FIRST_OPEN_S", 0.1)
    camera.goes_on.clear()
    opened = source(camera)
    with collecting(opened) as (frames, _, _):
        until(lambda: opened.status().lost)
        camera.goes_on.set()
        until(lambda: frames)


def test_a_read_that_never_returns_ends_the_run(camera, monkeypatch):
    monkeypatch.setattr(live, "_STUCK_S", 0.3)
    with source(camera) as opened:
        frames = delivered(opened, threading.Event())
        assert next(frames)
        camera.goes_on.clear()
        with pytest.raises(IoFailed, match=r"camera:test is stuck: .* cannot be ended: restart edgecls"):
            list(frames)


def test_a_camera_that_gives_only_damaged_frames_is_lost(camera, until):
    opened = source(camera)
    with collecting(opened) as (frames, _, _):
        until(lambda: frames)
        camera.blank = True
        until(lambda: opened.status().lost)
        camera.blank = False
        until(lambda: opened.status().lost is None)


@pytest.mark.parametrize("state", ["reading", "lost", "stuck"])
def test_stop_ends_it_soon(camera, until, state):
    opened = source(camera)
    stop = threading.Event()
    with opened:
        taker = threading.Thread(target=lambda: list(delivered(opened, stop)))
        taker.start()
        until(lambda: camera.taken > 3)
        if state == "lost":
            camera.reason = "gone"
        if state == "stuck":
            camera.goes_on.clear()
        if state != "reading":
            until(lambda: opened.status().lost)
        stop.set()
        taker.join(10)
        assert not taker.is_alive()


def test_the_motion_gate_sees_what_the_interval_leaves_out(camera, until):
    opened = source(camera, motion={"warm_up_frames": 5}, interval_seconds=60)
    with collecting(opened) as (frames, signs, _):
        until(lambda: opened.status().still > 20)
        camera.light = 200  # as if someone came in
        until(lambda: frames)
        sighs = len(signs)
        until(lambda: len(signs) > sighs + 20)
    assert len(frames) == 1
    assert frames[0].image.mean() > 190


def test_a_camera_that_is_tried_out_gave_a_frame_and_is_closed(camera, caplog):
    source(camera).probe()
    assert (camera.opened, camera.released) == (1, 1)
    assert not caplog.records


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("gone", "there is no /dev/video7: plug it in"),
        ("hangs", r"no frame for \d s"),
        ("gives only damaged frames", r"no whole frame for \d s: the last one cannot be decoded"),
    ],
)
def test_a_camera_that_is_tried_out_is_not_waited_for(camera, caplog, state, said):
    camera.reason = "there is no /dev/video7: plug it in" if state == "gone" else None
    camera.blank = state == "gives only damaged frames"
    if state == "hangs":
        camera.goes_on.clear()
    with pytest.raises(BadConfig, match=f"^camera:test cannot be used: {said}$"):
        source(camera).probe()
    assert not caplog.records  # it is said once


def test_keys_differ_whatever_the_clock_says(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)  # a board without a clock, twice
    one, other = unique_keys(), unique_keys()
    assert len({next(run) for run in (one, other) for _ in range(1000)}) == 2000


def test_keys_of_later_runs_come_later():
    one, other = unique_keys(), unique_keys()
    first = next(one)
    time.sleep(0.001)
    assert first < next(other)
