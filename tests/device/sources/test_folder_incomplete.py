"""Images whose end is missing: an upload that broke off may be resumed."""

import os
import threading
import time

import pytest
from arrivals import impatient, names, put, watching
from delivered import delivered
from pictures import encode, noise, picture

from edgecls.device.sources import incomplete_files, open_source
from edgecls.device.sources.incomplete_files import IncompleteFiles
from edgecls.images.file_frame import FileStamp

WHOLE = encode(noise(60, 60), ".jpg")
LONG = 600.0
AFTER = pytest.mark.parametrize("after", ["keep", "move", "delete"])


@AFTER
def test_an_upload_that_is_resumed_is_one_frame(inbox, until, after):
    with watching(inbox, after=after, incomplete_seconds=LONG) as (taken, source):
        (inbox / "a.jpg").write_bytes(WHOLE[:500])
        until(lambda: list(source._incomplete))
        put(inbox / "b.jpg")
        until(lambda: names(taken) == ["b.jpg"])  # nothing else waits for it
        with (inbox / "a.jpg").open("ab") as file:
            file.write(WHOLE[500:])
        until(lambda: names(taken) == ["b.jpg", "a.jpg"])
    assert taken[1].image == WHOLE


@AFTER
def test_one_that_is_not_resumed_is_a_frame_when_its_time_is_over(inbox, until, after):
    with watching(inbox, after=after, incomplete_seconds=0.5) as (taken, _):
        (inbox / "a.jpg").write_bytes(WHOLE[:500])
        begun = time.monotonic()
        until(lambda: taken)
        assert time.monotonic() - begun > 0.4
    assert [frame.image for frame in taken] == [WHOLE[:500]]


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", bytes(5000), picture("red", ".png")[:-1]])
def test_what_has_hardly_begun_waits_too(inbox, until, content):
    with watching(inbox, incomplete_seconds=LONG) as (taken, source):
        (inbox / "a.png").write_bytes(content)
        until(lambda: list(source._incomplete) == [str(inbox / "a.png")])
        (inbox / "a.png").write_bytes(picture("red"))
        until(lambda: taken)
        assert not list(source._incomplete)
    assert [frame.image for frame in taken] == [picture("red")]


@pytest.mark.parametrize("content", [b"text", WHOLE[:200] + b"\0" * 50 + WHOLE[250:]])
def test_what_is_damaged_otherwise_does_not_wait(inbox, until, content):
    with watching(inbox, incomplete_seconds=LONG) as (taken, _):
        (inbox / "a.jpg").write_bytes(content)
        until(lambda: taken)


def test_old_ones_do_not_wait(inbox, until):
    """Of a time before the start: it is over."""
    (inbox / "a.jpg").write_bytes(WHOLE[:500])
    time.sleep(0.5)
    with watching(inbox, incomplete_seconds=0.4) as (taken, source):
        until(lambda: taken)
        assert not list(source._incomplete)


def test_a_restart_does_not_begin_the_time_again(monkeypatch):
    """40 of 60 seconds were over when it was restarted."""
    now = [1000.0]
    monkeypatch.setattr(incomplete_files.time, "monotonic", lambda: now[0])
    changed = time.time_ns() - 40 * 10**9
    stamp = FileStamp(500, changed - 10**12, changed)
    files = IncompleteFiles(60.0)
    assert files.must_wait("a", stamp, WHOLE[:500])
    now[0] += 19
    assert files.is_waiting("a", stamp)
    assert not files.is_waiting("a", stamp._replace(size=501))
    now[0] += 2
    assert not files.is_waiting("a", stamp)
    assert not files.must_wait("a", stamp, WHOLE[:500])
    assert len(files) == 0


def test_files_of_a_later_time_than_the_clocks_wait_as_long_as_others(monkeypatch):
    """A board whose clock is not set yet."""
    now = [1000.0]
    monkeypatch.setattr(incomplete_files.time, "monotonic", lambda: now[0])
    later = time.time_ns() + 10**18
    files = IncompleteFiles(60.0)
    assert files.must_wait("a", FileStamp(500, later, later), b"")
    now[0] += 61
    assert not files.must_wait("a", FileStamp(500, later, later), b"")


def test_each_change_begins_the_time_again(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(incomplete_files.time, "monotonic", lambda: now[0])
    files, ahead = IncompleteFiles(60.0), time.time_ns() + 10**18
    for size in range(100, 600, 100):
        assert files.must_wait("a", FileStamp(size, ahead, ahead + size), WHOLE[:size])
        now[0] += 50


def test_it_is_waited_for_before_an_idle_source_ends(inbox):
    (inbox / "a.jpg").write_bytes(WHOLE[:500])
    with open_source(impatient(inbox, incomplete_seconds=1, until_idle=0.1)) as source:
        assert names(delivered(source, threading.Event())) == ["a.jpg"]


def test_what_is_gone_is_not_waited_for(inbox, until):
    with watching(inbox, incomplete_seconds=LONG) as (taken, source):
        for name in ("a.jpg", "b.jpg"):
            (inbox / name).write_bytes(WHOLE[:500])
        until(lambda: len(source._incomplete) == 2)
        os.unlink(inbox / "a.jpg")
        (inbox / "b.jpg").rename(inbox / "c.jpg")
        until(lambda: list(source._incomplete) == [str(inbox / "c.jpg")])
    assert not taken


def test_what_waits_is_not_read_again_and_again(inbox, until, monkeypatch):
    read = []
    monkeypatch.setattr(incomplete_files, "end_is_missing", lambda image: read.append(image) or True)
    with watching(inbox, incomplete_seconds=LONG, poll_seconds=0.02) as (taken, _):
        (inbox / "a.jpg").write_bytes(WHOLE[:500])
        until(lambda: read)
        time.sleep(0.5)
    assert len(read) <= 2  # once more where it was young
    assert not taken
