"""The video source, with small videos made here and real ones where they are."""

import os
import threading
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from delivered import delivered
from moving_pictures import number, numbered, write_video
from paths import SHARED_DATA
from pictures import noise, plain

from edgecls.device.configuration.source_settings import Region, VideoSettings
from edgecls.device.sources import EndOfSource, open_source
from edgecls.errors import BadData, InputNotFound

CLIPS = SHARED_DATA / "video"


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "video.avi", [numbered(n) for n in range(20)])


def play(path, **settings):
    with open_source(VideoSettings(path=path, **settings)) as source:
        return list(delivered(source, threading.Event()))


def test_every_frame_once_in_order(video):
    os.utime(video, (1e9, 1e9))
    frames = play(video)
    assert [number(frame) for frame in frames] == list(range(20))
    identity = frames[0].key.partition("#")[0]
    assert [frame.key for frame in frames] == [f"{identity}#{n}" for n in range(20)]
    begun = datetime.fromtimestamp(1e9 - 2, timezone.utc)
    assert [frame.captured_at for frame in frames] == [begun + timedelta(seconds=n / 10) for n in range(20)]
    assert {(frame.source, frame.path) for frame in frames} == {(f"video:{video}", str(video))}


def test_a_restart_gives_the_same_keys_and_the_same_pixels(video):
    one, other = play(video), play(video)
    assert [frame.key for frame in one] == [frame.key for frame in other]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, other, strict=True))


def test_an_interrupted_run_and_the_next_give_every_frame_once(video):
    stop, rows = threading.Event(), {}
    with open_source(VideoSettings(path=video)) as source:
        for frame in delivered(source, stop):
            rows[frame.key] = number(frame)
            if len(rows) == 7:
                stop.set()
    again = [frame for frame in play(video) if frame.key not in rows]
    assert list(rows.values()) + [number(frame) for frame in again] == list(range(20))


def test_a_replaced_video_is_another_one(video):
    before = play(video)
    write_video(video, [numbered(n + 3) for n in range(20)])
    assert not {frame.key for frame in before} & {frame.key for frame in play(video)}


def test_colours_are_rgb_and_the_view_applies(tmp_path):
    picture = plain("red", 64, 48)
    picture[:, 32:] = plain("blue", 32, 48)
    video = write_video(tmp_path / "v.avi", [picture])
    (frame,) = play(video, rotation=90, region=Region(y=0.5, height=0.5))
    assert frame.image.shape == (32, 48, 3)
    assert np.abs(frame.image[5:].mean((0, 1)) - plain("blue")[0, 0]).max() < 12


def test_every_nth(video):
    frames = play(video, every_nth=6)
    assert [(number(frame), frame.key.partition("#")[2]) for frame in frames] == [
        (0, "0"), (6, "6"), (12, "12"), (18, "18")
    ]  # fmt: skip


def test_real_pace_gives_signs_of_life(tmp_path):
    slow = write_video(tmp_path / "slow.avi", [numbered(n) for n in range(3)], fps=1.0)
    stop = threading.Event()
    with open_source(VideoSettings(path=slow, pace="real")) as source:
        assert number(source.next_frame()) == 0
        assert [source.next_frame(), source.next_frame()] == [None, None]
        assert number(next(delivered(source, stop))) == 1


def test_after_the_last_frame_it_stays_at_its_end(video):
    with open_source(VideoSettings(path=video)) as source:
        assert len(list(delivered(source, threading.Event()))) == 20
        with pytest.raises(EndOfSource):
            source.next_frame()


def test_a_truncated_video_ends_with_what_it_has_and_one_warning(video, caplog):
    write_video(video, [noise(320, 240, seed=n) for n in range(20)])
    whole = play(video)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    frames = play(video)
    assert 5 < len(frames) < 15
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames[:-1], whole, strict=False))
    assert frames[-1].image is None  # it is cut off in the middle
    assert frames[-1].error.startswith("is damaged") or "end" in frames[-1].error
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{video} ends after {len(frames)} of 20 frames: the file is incomplete or damaged"
    )  # fmt: skip


def test_a_damaged_frame_of_motion_jpeg_is_an_error_and_the_others_are_not(video):
    write_video(video, [noise(320, 240, seed=n) for n in range(20)])
    whole = play(video)
    data = bytearray(video.read_bytes())
    at = len(data) // 2
    data[at : at + 300] = b"U" * 300
    video.write_bytes(data)
    frames = play(video)
    assert len(frames) == 20
    damaged = [n for n, frame in enumerate(frames) if frame.error]
    assert 1 <= len(damaged) <= 2
    assert all(np.array_equal(frames[n].image, whole[n].image) for n in range(20) if n not in damaged)


def test_a_whole_video_is_no_reason_to_warn(video, caplog):
    play(video)
    assert not caplog.records


def test_what_is_no_video(tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(BadData, match=r"text\.mp4: the video may be incomplete, or of an unknown format"):
        play(text)
    with pytest.raises(InputNotFound, match="no such file"):
        play(tmp_path / "missing.mp4")
    with pytest.raises(BadData, match="is not a file"):
        play(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadData, match="is not a file"):
        play(tmp_path / "pipe")


def test_only_what_moves(tmp_path):
    still = plain("green", 160, 120)
    moved = [still.copy() for _ in range(5)]
    for n, picture in enumerate(moved):
        picture[30:90, 20 * n : 20 * n + 60] = 0
    video = write_video(tmp_path / "v.avi", [still] * 20 + moved + [still] * 5)
    with open_source(VideoSettings(path=video, motion={"warm_up_frames": 10})) as source:
        numbers = [int(frame.key.partition("#")[2]) for frame in delivered(source, threading.Event())]
        assert set(range(20, 25)) <= set(numbers) <= set(range(20, 30))
        assert source.status().still == 30 - len(numbers)


@pytest.mark.skipif(not CLIPS.exists(), reason="the clips are not here")
def test_a_real_clip_to_its_end(caplog):
    frames = play(CLIPS / "car-detection.mp4", every_nth=10)
    assert len(frames) == 38
    assert frames[0].image.shape == (432, 768, 3)
    assert not caplog.records
