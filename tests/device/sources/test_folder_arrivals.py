"""Where files are taken away, the same content that arrives again under the same name is another frame."""

import os
import shutil
import stat
import threading
import time
from contextlib import suppress

import pytest
from arrivals import impatient, put, watching
from delivered import delivered
from pictures import picture

from edgecls.device.sources import file_disposition, open_source
from edgecls.images.file_frame import FileStamp

pytestmark = pytest.mark.slow

AWAY = pytest.mark.parametrize("after", ["move", "delete"])
OLD = 1_700_000_000.5


def copied(inbox, source, how):
    """As people bring a picture: written, copied with its times, renamed into place."""
    target = inbox / "cam.png"
    if how == "written":
        target.write_bytes(source.read_bytes())
    elif how == "copied with its times":
        shutil.copy2(source, inbox / ".part")
        (inbox / ".part").rename(target)
    else:
        shutil.copyfile(source, target)
        with suppress(FileNotFoundError):  # it may have been taken away already
            shutil.copystat(source, target)


@AWAY
@pytest.mark.parametrize("how", ["written", "copied with its times", "copied in place"])
def test_a_frozen_picture_is_a_frame_each_time(inbox, tmp_path, until, after, how):
    source = put(tmp_path / "source.png")
    os.utime(source, (OLD, OLD))
    with watching(inbox, after=after) as (taken, _):
        for n in range(1, 8):
            copied(inbox, source, how)
            until(lambda n=n: len({frame.key for frame in taken}) == n and not (inbox / "cam.png").exists())
    assert len({frame.key.partition("@")[0] for frame in taken}) == 1
    left = [path for path in inbox.rglob("*") if path.is_file()]
    assert left == ([inbox / "done/cam.png"] if after == "move" else [])


def test_where_files_stay_a_touched_one_keeps_its_key(inbox):
    path = put(inbox / "cam.png")
    keys = []
    for _ in range(2):
        with open_source(impatient(inbox, until_idle=0.2)) as source:
            keys += [frame.key for frame in delivered(source, threading.Event())]
        path.chmod(0o600)
        os.utime(path)
    assert len(keys) == 2
    assert len(set(keys)) == 1


@AWAY
def test_after_a_restart_a_file_that_has_its_row_is_the_same_frame(inbox, after):
    """The power went between its row and its way out."""
    put(inbox / "cam.png")
    keys = []
    for _ in range(2):
        with open_source(impatient(inbox, after=after, until_idle=0.2)) as source:
            keys += [frame.key for frame in delivered(source, threading.Event())]
    assert len(keys) == 2
    assert len(set(keys)) == 1


class Remembering:
    """What a folder remembers, over its restarts."""

    def __init__(self):
        self.files = {}
        self.rows = set()

    def take_known(self):
        yield from list(self.files.items())

    def has_row(self, key):
        return key in self.rows

    def remember(self, name, key, state):
        assert key.startswith(f"{name}#")
        self.files[key] = state

    def forget(self, name):
        self.files = {key: state for key, state in self.files.items() if not key.startswith(f"{name}#")}


class Rows:
    """Takes frames as the daemon does: one row a key."""

    def __init__(self):
        self.keys = []

    def take(self, source, stop, between=lambda _: None):
        for frame in delivered(source, stop):
            if frame.key not in self.keys:
                self.keys.append(frame.key)
            between(frame)
            source.acknowledge(frame)


@AWAY
@pytest.mark.parametrize("change", ["mode", "times", "times and mode"])
def test_an_upload_whose_times_or_mode_are_set_after_it_was_closed_is_one_frame(inbox, after, change):
    """As servers of FTP do (MFMT), and some programs that copy: while the picture is classified."""
    path = put(inbox / "cam.png")
    rows = Rows()

    def between(_):
        if stat.S_IMODE(path.stat().st_mode) == 0o600:
            return
        if "times" in change:
            os.utime(path, (OLD, OLD))
        path.chmod(0o600 if "mode" in change else 0o644)

    with open_source(impatient(inbox, after=after, until_idle=0.5)) as source:
        if change == "times":
            done = []
            rows.take(source, threading.Event(), lambda _: done or done.append(os.utime(path, (OLD, OLD))))
        else:
            rows.take(source, threading.Event(), between)
    assert len(rows.keys) == 1
    assert not path.exists()


@AWAY
@pytest.mark.parametrize("restart", [False, True])
def test_files_that_could_not_be_taken_away_stay_the_frames_that_they_were(inbox, monkeypatch, after, restart):
    """Their owner or mode is then changed, so that they can: they have their rows."""
    for name in ("a.png", "b.png"):
        put(inbox / name)
    rows, seen, refusing = Rows(), Remembering(), [True]
    act = file_disposition.FileDisposition._act

    def refuse(self, path, *, failed):
        if refusing:
            raise PermissionError(13, "Permission denied", path)
        act(self, path, failed=failed)

    monkeypatch.setattr(file_disposition.FileDisposition, "_act", refuse)
    stop = threading.Event()

    def run(seconds):
        with open_source(impatient(inbox, after=after, until_idle=seconds), seen) as source:
            rows.take(source, stop)

    def repair():
        for path in inbox.glob("*.png"):
            path.chmod(0o600)
        refusing.clear()

    if restart:
        run(0.3)
        assert len(seen.files) == 2
        repair()
        run(0.3)
    else:
        threading.Timer(0.5, repair).start()
        run(1.5)
    assert len(rows.keys) == 2
    assert not list(inbox.glob("*.png"))
    assert not seen.files


@AWAY
def test_files_that_were_kept_until_now_have_their_row(inbox, until, after):
    """Also where that was not remembered, as after a power cut; but what arrives from now on is a frame of its own."""
    path = put(inbox / "a.png")
    with open_source(impatient(inbox, until_idle=0.2)) as source:
        (kept,) = delivered(source, threading.Event())
    seen = Remembering()
    seen.rows.add(kept.key)
    with watching(inbox, after=after, seen=seen) as (taken, _):
        until(lambda: len(taken) == 1 and not path.exists())
        put(path)
        until(lambda: len(taken) == 2 and not path.exists())
    assert taken[0].key == kept.key
    assert taken[1].key.startswith(f"{kept.key}@")


@AWAY
def test_what_comes_in_the_place_of_one_that_could_not_be_taken_away_is_another_frame(inbox, monkeypatch, after):
    """The same content, as a new file."""
    path = put(inbox / "a.png")
    rows, seen, refusing = Rows(), Remembering(), [True]
    act = file_disposition.FileDisposition._act

    def refuse(self, path, *, failed):
        if refusing:
            raise PermissionError(13, "Permission denied", path)
        act(self, path, failed=failed)

    monkeypatch.setattr(file_disposition.FileDisposition, "_act", refuse)

    def replace():
        (inbox / ".new").write_bytes(picture("red"))
        (inbox / ".new").rename(path)
        refusing.clear()

    threading.Timer(0.5, replace).start()
    with open_source(impatient(inbox, after=after, until_idle=1.5), seen) as source:
        rows.take(source, threading.Event())
    assert len(rows.keys) == 2
    assert not path.exists()
    assert not seen.files


@AWAY
def test_a_second_file_with_the_times_of_the_first_is_not_overlooked(inbox, until, after, monkeypatch):
    """On a file system that keeps whole seconds (FAT) it is in the very state that was taken before."""
    of = FileStamp.of
    coarse = staticmethod(lambda status: of(status)._replace(modified_ns=10**18, changed_ns=10**18))
    monkeypatch.setattr(FileStamp, "of", coarse)
    with watching(inbox, after=after, settle_seconds=0.01) as (taken, _):
        for n in range(1, 4):
            put(inbox / "a.png", age=0)
            until(lambda n=n: len(taken) == n and not (inbox / "a.png").exists())
            time.sleep(0.05)
