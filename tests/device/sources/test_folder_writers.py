"""The folder source, and files that are still written to, or again."""

import os
import threading
import time
from contextlib import ExitStack

import pytest
from arrivals import impatient, put, watching
from delivered import delivered
from pictures import picture

from edgecls.device.sources import folder as folder_source
from edgecls.device.sources import open_source


@pytest.mark.parametrize("jump", [-1e6, 1e6])
def test_a_clock_that_jumps_does_not_make_a_growing_file_whole(inbox, until, monkeypatch, jump):
    """At its boot a board without a battery has the time of its last stop, and a moment later the network's."""
    now, now_ns = time.time, time.time_ns
    data = picture("green")
    with watching(inbox, settle_seconds=2) as (taken, _):
        with (inbox / "slow.png").open("wb") as file:
            file.write(data[:40])
            file.flush()
            monkeypatch.setattr(time, "time", lambda: now() + jump)
            monkeypatch.setattr(time, "time_ns", lambda: now_ns() + int(jump * 1e9))
            time.sleep(0.3)
            assert not taken
            file.write(data[40:])
        until(lambda: taken)
    assert [frame.image for frame in taken] == [data]


def test_a_file_that_changes_while_it_is_read_is_taken_when_it_is_whole(inbox, until, monkeypatch):
    read = folder_source.regular_file_frame
    writes = iter([picture("blue")])

    def written_meanwhile(source, path, name, **limits):
        for content in writes:
            (inbox / "a.png").write_bytes(content)
        return read(source, path, name, **limits)

    monkeypatch.setattr(folder_source, "regular_file_frame", written_meanwhile)
    put(inbox / "a.png")
    with watching(inbox) as (taken, _):
        until(lambda: taken)
    assert [frame.image for frame in taken] == [picture("blue")]


@pytest.mark.parametrize("after", ["keep", "move"])
def test_content_that_came_in_the_same_tick_as_what_was_read(inbox, monkeypatch, after):
    """A kernel whose tick is a second: neither size nor times tell the new content from the old one."""

    def coarse(cls, status):
        return cls(status.st_size, *(ns // 10**9 * 10**9 for ns in (status.st_mtime_ns, status.st_ctime_ns)))

    monkeypatch.setattr(folder_source.FileStamp, "of", classmethod(coarse))
    monkeypatch.setattr(folder_source, "_TICK_NS", 10**9)
    time.sleep(1 - time.time() % 1)  # a tick begins
    (inbox / "a.png").write_bytes(b"old content")
    contents = []
    with open_source(impatient(inbox, after=after, settle_seconds=0.01, until_idle=0.5)) as source:
        for frame in delivered(source, threading.Event()):
            if not contents:
                (inbox / "a.png").write_bytes(b"new content")
            contents.append(frame.image)
            source.acknowledge(frame)
    assert contents == [b"old content", b"new content"]
    assert (inbox / ("a.png" if after == "keep" else "done/a.png")).read_bytes() == b"new content"


def test_a_file_that_was_just_closed_is_not_waited_for(inbox, monkeypatch):
    """Whether it is written to in the same tick is found out after its row."""
    slept = []
    monkeypatch.setattr(folder_source.time, "sleep", slept.append)
    monkeypatch.setattr(folder_source, "_rest_of_tick", lambda _: 0.02)
    put(inbox / "a.png")
    with open_source(impatient(inbox, until_idle=0.1)) as source:
        frame = next(delivered(source, threading.Event()))
        assert not slept
        source.acknowledge(frame)
        assert slept == [0.02]


@pytest.mark.parametrize("busy", [True, False], ids=["before it is read", "while it is classified"])
def test_a_file_that_is_written_again_just_after_its_close_is_not_moved_half_written(inbox, busy):
    """The close of the first writer says nothing of the second, who pauses in the middle."""
    whole = picture("blue")
    path, other = inbox / "x.png", inbox / "other.png"
    stop, taken, go = threading.Event(), threading.Event(), threading.Event()
    rows = []
    slow = impatient(inbox, after="delete", settle_seconds=2.5, incomplete_seconds=0)
    with ExitStack() as writers, open_source(slow) as source:

        def take():
            for frame in delivered(source, stop):
                rows.append(frame.image)
                taken.set()
                go.wait(10)  # the network
                source.acknowledge(frame)

        taker = threading.Thread(target=take, daemon=True)  # a test that fails does not wait for it
        taker.start()
        if busy:
            put(other)
            assert taken.wait(10)
            path.write_bytes(picture("red"))
            file = writers.enter_context(open(path, "wb", buffering=0))
            file.write(whole[:100])
        else:
            path.write_bytes(whole[:100])
            assert taken.wait(10)
            file = writers.enter_context(open(path, "ab", buffering=0))
            os.utime(path)  # as a writer does that begins again and has not come to its first byte
        time.sleep(0.2)  # until the events are there
        go.set()
        time.sleep(0.4)
        assert path.exists()
        file.write(whole[100:])
        file.close()
        deadline = time.monotonic() + 20
        while path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        stop.set()
        taker.join()
    assert rows[-1] == whole
    assert not path.exists()
