"""When the frames of a video were captured."""

import os
import struct
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
from delivered import delivered
from hypothesis import given
from hypothesis import strategies as st
from moving_pictures import number, numbered, write_video
from mp4 import write_mp4
from paths import SHARED_DATA

from edgecls.device.configuration.config import parse_config
from edgecls.device.configuration.source_settings import VideoSettings
from edgecls.device.sources import open_source
from edgecls.device.sources.video_start import start_of
from edgecls.errors import BadConfig

END = datetime(2026, 11, 24, 8, tzinfo=timezone.utc)
CREATED = datetime(2026, 11, 24, 7, 30, tzinfo=timezone.utc)
SINCE_1904 = int((CREATED - datetime(1904, 1, 1, tzinfo=timezone.utc)).total_seconds())
VARIES = [0.5] * 10 + [1.5] * 10
"""Tenths of a second for which each of 20 frames is shown: 2 seconds in all."""
SHOWN = [n * 0.05 for n in range(10)] + [0.5 + n * 0.15 for n in range(10)]


def times(path, **settings):
    """By number of the frame, seconds after `END`."""
    with open_source(VideoSettings(path=path, **settings)) as source:
        frames = list(delivered(source, threading.Event()))
    return {number(frame): round((frame.captured_at - END).total_seconds(), 3) for frame in frames}


def touch(path, when=END):
    os.utime(path, (when.timestamp(), when.timestamp()))
    return path


def test_the_time_of_modification_is_the_end_of_the_recording(tmp_path):
    video = touch(write_video(tmp_path / "v.avi", [numbered(n) for n in range(20)]))
    assert times(video) == {n: pytest.approx(n / 10 - 2) for n in range(20)}


def test_a_variable_rate(tmp_path):
    video = touch(write_mp4(tmp_path / "v.mp4", VARIES))
    assert times(video) == {n: pytest.approx(shown - 2, abs=0.002) for n, shown in enumerate(SHOWN)}
    assert times(video, every_nth=7) == {n: pytest.approx(SHOWN[n] - 2, abs=0.002) for n in (0, 7, 14)}


def test_the_container_says_when_it_began(tmp_path):
    video = touch(write_mp4(tmp_path / "v.mp4", VARIES, SINCE_1904))
    assert times(video) == {n: pytest.approx(shown - 1800, abs=0.002) for n, shown in enumerate(SHOWN)}
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(video.read_bytes())
    assert times(copy) == times(video)


def test_phones_say_when_it_ended(tmp_path):
    video = touch(write_mp4(tmp_path / "v.mp4", VARIES, SINCE_1904), CREATED + timedelta(seconds=0.4))
    assert times(video)[0] == pytest.approx(-1802)


def test_a_time_of_creation_in_the_future_is_not_believed(tmp_path):
    video = touch(write_mp4(tmp_path / "v.mp4", VARIES, 2**32 - 1))
    assert times(video)[0] == pytest.approx(-2)


def test_the_setting_counts_first(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        video = write_mp4(tmp_path / "v.mp4", VARIES, SINCE_1904)
        for started in ("2026-11-24T08:00:00Z", "2026-11-24T09:00:00+01:00", "2026-11-24T09:00:00"):
            assert times(video, started=started)[10] == pytest.approx(0.5, abs=0.002)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("value", ["2026", '"2026"', '"1e5"', '"yesterday"', "0001-01-01T00:00:00Z", "true", "[1]"])
def test_what_is_no_time(tmp_path, value):
    text = f'[source]\ntype = "video"\npath = "v.mp4"\nstarted = {value}\n'
    with pytest.raises(BadConfig, match=r"source\.started must be a time such as 2026-"):
        parse_config(text.encode(), tmp_path / "edgecls.toml")


@pytest.mark.parametrize("value", ["2026-11-24T08:00:00Z", '"2026-11-24T08:00:00Z"', "2026-11-24T08:00:00"])
def test_a_time_in_the_configuration(tmp_path, value):
    text = f'[source]\ntype = "video"\npath = "v.mp4"\nstarted = {value}\n'
    config = parse_config(text.encode(), tmp_path / "edgecls.toml")
    assert config.source.started.replace(tzinfo=timezone.utc) == END
    assert "2026-11-24T08:00:00" in config.model_dump_json()


def test_keys_hang_neither_on_the_time_nor_on_the_setting(tmp_path):
    def keys(**settings):
        with open_source(VideoSettings(path=video, **settings)) as source:
            return [frame.key for frame in delivered(source, threading.Event())]

    video = write_mp4(tmp_path / "v.mp4", VARIES)
    before = keys()
    touch(video)
    assert keys(started=END) == before


def test_matroska(tmp_path):
    nanoseconds = int((CREATED - datetime(2001, 1, 1, tzinfo=timezone.utc)).total_seconds()) * 10**9
    file = tmp_path / "v.mkv"
    file.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(40) + b"\x44\x61\x88" + struct.pack(">q", nanoseconds) + bytes(99))
    assert start_of(str(file), END, 60) == CREATED


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\x1a\x45\xdf\xa3", b"\0\0\0\x08free", b"\0\0\0\x80moov\0\0\0\x20mvhd"]),
)
def test_any_bytes(tmp_path_factory, data, head):
    file = tmp_path_factory.mktemp("v") / "v"
    file.write_bytes(head + data)
    assert start_of(str(file), END, 60) <= max(END, datetime.now(timezone.utc)) + timedelta(days=1)


CLIPS = SHARED_DATA / "video"


@pytest.mark.skipif(not CLIPS.exists(), reason="the clips are not here")
@pytest.mark.parametrize(
    ("name", "began", "seconds"),
    [
        ("car-detection.mp4", "2018-04-19T22:46:00+00:00", 30),
        ("one-by-one-person-detection.mp4", "2017-09-26T16:57:49+00:00", 139),
    ],
)
def test_a_real_clip(name, began, seconds):
    with open_source(VideoSettings(path=CLIPS / name, every_nth=100)) as source:
        frames = list(delivered(source, threading.Event()))
    assert frames[0].captured_at == datetime.fromisoformat(began)
    assert (frames[-1].captured_at - frames[0].captured_at).total_seconds() == pytest.approx(seconds, abs=10)
