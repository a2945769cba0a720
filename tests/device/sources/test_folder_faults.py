"""The folder source, where the folder, its files or the system misbehave."""

import errno
import os
import socket
import threading
import time

from arrivals import impatient, names, put, watching
from delivered import delivered
from pictures import picture

from edgecls.device.sources import folder as folder_source
from edgecls.device.sources import open_source
from edgecls.images.file_frame import regular_file_frame


def said(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_folder_that_vanishes_and_is_made_again(inbox, until, caplog):
    caplog.set_level("INFO")
    with watching(inbox) as (taken, source):
        put(inbox / "a.png")
        until(lambda: len(taken) == 1)
        (inbox / "a.png").unlink()
        inbox.rmdir()
        until(lambda: caplog.records)
        time.sleep(0.3)
        inbox.mkdir()
        put(inbox / "b.png")
        until(lambda: len(taken) == 2)
        until(source._watch._is_alive)
        source._next_scan = time.monotonic() + 1000  # from here on only an event can tell
        time.sleep(0.3)
        source._next_scan = time.monotonic() + 1000
        put(inbox / "c.png")
        until(lambda: len(taken) == 3)
    assert names(taken) == ["a.png", "b.png", "c.png"]
    assert said(caplog) == [
        f"folder {inbox} does not exist (No such file or directory): waiting for it to come back",
        f"folder {inbox} is back",
    ]  # fmt: skip


def test_another_folder_in_its_place_is_watched(inbox, until, tmp_path):
    """A disk mounted over it: the events of the one below say nothing any more."""
    with watching(inbox) as (taken, source):
        put(inbox / "a.png")
        until(lambda: len(taken) == 1)
        before = source._watch._identity
        (tmp_path / "new").mkdir()
        inbox.rename(tmp_path / "old")
        (tmp_path / "new").rename(inbox)
        until(lambda: source._watch._identity != before and source._watch._is_alive())
        put(inbox / "b.png")
        until(lambda: len(taken) == 2)
    assert names(taken) == ["a.png", "b.png"]


def test_files_of_a_folder_that_was_away_are_moved_when_it_is_back(inbox, tmp_path):
    put(inbox / "a.png")
    away = tmp_path / "away"
    with open_source(impatient(inbox, after="move", until_idle=0.3)) as source:
        for frame in delivered(source, threading.Event()):
            inbox.rename(away)
            source.acknowledge(frame)
            away.rename(inbox)
    assert (inbox / "done/a.png").read_bytes() == picture("red")


def test_links_out_of_the_folder_and_what_is_no_file_are_passed_over_and_said_once(inbox, tmp_path, caplog):
    caplog.set_level("INFO")
    os.mkfifo(inbox / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(inbox / "socket.jpg"))
    put(tmp_path / "secret.png")
    (inbox / "out.png").symlink_to(tmp_path / "secret.png")
    (inbox / "up.png").symlink_to("../secret.png")
    put(inbox / "real.png")
    (inbox / "in.png").symlink_to("real.png")
    (inbox / "nowhere").symlink_to("gone.png")
    (tmp_path / "tree").mkdir()
    put(tmp_path / "tree" / "x.png")
    (inbox / "folder").symlink_to(tmp_path / "tree")
    (inbox / "loop").symlink_to(".")
    with open_source(impatient(inbox, until_idle=0.5)) as source:
        taken = names(delivered(source, threading.Event()))
    assert sorted(taken) == ["in.png", "real.png"]
    not_taken = [
        "2 pipes, sockets or devices (first: pipe.jpg)",
        "1 dangling link (nowhere)",
        "2 links to folders, which are not followed (first: folder)",
        "2 links that lead out of the folder (first: out.png)",
    ]
    assert said(caplog) == [f"folder {inbox}; not taken: {', '.join(not_taken)}"]


def test_an_unreadable_file_is_one_error_and_is_taken_once_it_can_be_read(inbox, until, monkeypatch):
    """Tests may run as root, whom no mode keeps out: the functions that open files refuse."""
    opened = os.open

    def refuse(path, flags, *rest, **more):
        if str(path).endswith("secret.png") and os.stat(path).st_mode & 0o777 == 0:
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    put(inbox / "secret.png").chmod(0)
    with watching(inbox, after="move") as (taken, _):
        until(lambda: taken)
        time.sleep(0.5)
        (error,) = [frame.error for frame in taken]
        assert error.startswith("cannot be read: permission denied: user ")
        assert error.endswith(", mode 0000): check owner and mode, or run as another user")
        assert (inbox / "secret.png").exists()
        (inbox / "secret.png").chmod(0o600)
        until((inbox / "done/secret.png").exists)
    assert [frame.error is None for frame in taken] == [False, True]
    assert len({frame.key for frame in taken}) == 2


def test_files_renamed_away_before_their_turn_are_no_errors(inbox):
    """Found together, read one by one: what is gone by then makes no row, under its new name it makes one."""
    for n in range(20):
        put(inbox / f"{n:02}.png", age=3600 - n)
    with open_source(impatient(inbox, after="move", until_idle=0.5)) as source:
        frames = delivered(source, threading.Event())
        taken = [next(frames)]
        source.acknowledge(taken[0])
        for n in range(1, 10):
            (inbox / f"{n:02}.png").rename(inbox / f"new-{n:02}.png")
        (inbox / "10.png").unlink()
        for frame in frames:
            taken.append(frame)
            source.acknowledge(frame)
    assert [frame.error for frame in taken] == [None] * 19
    assert sorted(names(taken)) == sorted(
        ["00.png"] + [f"{n}.png" for n in range(11, 20)] + [f"new-{n:02}.png" for n in range(1, 10)]
    )
    assert not list((inbox / "failed").iterdir())


def test_a_whole_folder_that_is_taken_away_during_a_backlog_is_no_heap_of_errors(inbox, tmp_path):
    (inbox / "day").mkdir()
    for n in range(5):
        put(inbox / "day" / f"{n}.png")
    with open_source(impatient(inbox, until_idle=0.5)) as source:
        frames = delivered(source, threading.Event())
        next(frames)
        (inbox / "day").rename(tmp_path / "away")
        (inbox / "day").touch()  # now a part of the path is a file
        assert not list(frames)


def test_a_file_that_comes_back_under_its_name_is_taken(inbox):
    put(inbox / "a.png", age=20)
    put(inbox / "b.png", age=10)
    taken = []
    with open_source(impatient(inbox, until_idle=0.5)) as source:
        for frame in delivered(source, threading.Event()):
            taken.append(frame)
            if len(taken) == 1:
                (inbox / "b.png").unlink()
                threading.Timer(0.2, put, (inbox / "b.png", "blue")).start()
    assert [(os.path.basename(frame.path), frame.error) for frame in taken] == [("a.png", None), ("b.png", None)]


def test_an_error_of_the_disk_stays_an_error(inbox, until, monkeypatch):
    def fails(path, *rest, **more):
        if str(path).endswith("b.png"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return opened(path, *rest, **more)

    opened = os.open
    monkeypatch.setattr(os, "open", fails)
    put(inbox / "b.png")
    with watching(inbox) as (taken, _):
        until(lambda: taken)
        assert taken[0].error == "cannot be read: Input/output error"


def test_a_link_whose_file_was_moved_away_is_counted(inbox, caplog):
    caplog.set_level("INFO")
    put(inbox / "a.png", age=7200)
    put(inbox / "target.png")
    (inbox / "b.png").symlink_to("target.png")
    (inbox / "c.png").symlink_to(inbox / "b.png")
    with open_source(impatient(inbox, after="move", until_idle=0.6)) as source:
        frames = delivered(source, threading.Event())
        source.acknowledge(next(frames))
        (inbox / "target.png").rename(inbox / "done/target.png")
        assert not list(frames)
    assert sorted(os.listdir(inbox)) == ["b.png", "c.png", "done", "failed"]
    assert said(caplog) == [f"folder {inbox}; not taken: 2 dangling links (first: b.png)"]


def test_a_file_larger_than_the_limit_is_not_read(inbox, until):
    (inbox / "big.png").write_bytes(b"x" * 1001)
    put(inbox / "small.png")
    with watching(inbox, max_bytes=1000, after="move") as (taken, _):
        until((inbox / "failed/big.png").exists)
        until((inbox / "done/small.png").exists)
    big = next(frame for frame in taken if "big" in frame.path)
    assert (big.image, big.error) == (None, "is 1001 bytes large: the limit (max_bytes) is 1000")
    assert big.key.startswith("big.png#1001 bytes@")


def test_what_was_taken_is_not_opened_again(inbox, until, monkeypatch):
    """However often the folder is looked at."""
    opened = []
    read = folder_source.regular_file_frame
    monkeypatch.setattr(folder_source, "regular_file_frame", lambda *a, **k: opened.append(a[1]) or read(*a, **k))
    for n in range(3):
        put(inbox / f"{n}.png")
    time.sleep(0.05)  # a young file is opened once more, after its row
    looks = []
    with watching(inbox, poll_seconds=0.02) as (taken, source):
        everything = source._scan.everything
        monkeypatch.setattr(source._scan, "everything", lambda: looks.append(1) or everything())
        until(lambda: len(taken) == 3 and len(looks) > 3)
    assert len(opened) == 3


def test_a_folder_that_takes_long_to_look_at_is_looked_at_rarely(inbox, monkeypatch):
    """1 % of the processor's time: here each look takes 50 ms of it. But no more than 10 times poll_seconds pass."""
    assert looks_at_slow(inbox, monkeypatch, poll_seconds=0.1, until_idle=0.6) == 1
    assert 2 <= looks_at_slow(inbox, monkeypatch, poll_seconds=0.02, until_idle=1) <= 5


def looks_at_slow(inbox, monkeypatch, **options):
    looks = []
    with open_source(impatient(inbox, **options)) as source:

        def everything():
            looks.append(1)
            begun = time.thread_time()
            while time.thread_time() - begun < 0.05:
                pass
            yield from ()

        monkeypatch.setattr(source._scan, "everything", everything)
        assert not list(delivered(source, threading.Event()))
    return len(looks)


def test_a_pipe_whose_writer_is_silent_is_an_empty_frame(inbox):
    os.mkfifo(inbox / "x.png")
    reader = os.open(inbox / "x.png", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(inbox / "x.png", os.O_WRONLY)
    try:
        frame, _ = regular_file_frame("folder", str(inbox / "x.png"), "x.png")
    finally:
        os.close(reader)
        os.close(writer)
    assert frame.image == b""


def test_recalling_many_files_gives_signs_of_life(inbox, monkeypatch):
    class Seen:
        def take_known(self):
            return ((f"{number}.png#0", (1, 1, 1)) for number in range(10))

    monkeypatch.setattr(folder_source, "_BUSY_S", -1.0)
    with open_source(impatient(inbox), Seen()) as source:
        for number in range(10):
            assert source.next_frame() is None
            assert len(source._memory._delivered) == number + 1
