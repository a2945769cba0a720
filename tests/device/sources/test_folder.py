"""The folder source, with real files and the real events of the file system."""

import errno
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone

import pytest
from arrivals import names, put, watched
from delivered import delivered
from pictures import picture
from watchdog.observers import Observer

from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.sources import folder_watch, open_source
from edgecls.errors import InputNotFound

pytestmark = pytest.mark.slow

LONG = 60.0
"""Seconds that no test waits for: what still comes in time was announced by an event."""


def settings(inbox, **changes):
    return FolderSettings(path=inbox, **{"settle_seconds": 0.3, "poll_seconds": LONG, **changes})


@contextmanager
def watching(inbox, **changes):
    with watched(settings(inbox, **changes)) as (taken, _, stop):
        yield taken, stop


def all_frames(inbox, **changes):
    """What is there, until nothing more comes."""
    with open_source(settings(inbox, **{"until_idle": 0.1, **changes})) as source:
        return list(delivered(source, threading.Event()))


def test_what_is_there_at_the_start_oldest_first(inbox):
    put(inbox / "b.jpg", age=30)
    put(inbox / "a.jpg", age=10)
    put(inbox / "deep" / "er" / "c.PNG", "blue", age=20)
    frames = all_frames(inbox)
    assert names(frames) == ["b.jpg", "c.PNG", "a.jpg"]
    assert {frame.source for frame in frames} == {f"folder:{inbox}"}
    frame = frames[1]
    assert frame.key.startswith("deep/er/c.PNG#")
    assert (frame.image, frame.path, frame.error) == (picture("blue"), str(inbox / "deep/er/c.PNG"), None)
    assert abs((datetime.now(timezone.utc) - frame.captured_at).total_seconds() - 20) < 10


def test_keys_do_not_change(inbox):
    put(inbox / "a.jpg", age=30)
    put(inbox / "b.jpg", age=20)
    first = [frame.key for frame in all_frames(inbox)]
    os.utime(inbox / "a.jpg", (5, 5))
    assert [frame.key for frame in all_frames(inbox)] == first
    assert len(set(first)) == 2  # the same content under another name is another frame


def test_hidden_files_other_files_and_what_is_no_file(inbox):
    put(inbox / ".hidden.jpg")
    put(inbox / ".cache" / "x.jpg")
    put(inbox / "notes.txt")
    (inbox / "README").write_text("no image")
    (inbox / "folder.jpg").mkdir()
    (inbox / "broken.jpg").symlink_to("nowhere.jpg")
    assert names(all_frames(inbox)) == []


def test_files_without_a_suffix_are_taken_by_their_beginning(inbox, until):
    put(inbox / "IMG_0001")
    put(inbox / "photo.jpg?w=640")
    assert sorted(names(all_frames(inbox))) == ["IMG_0001", "photo.jpg?w=640"]
    with watching(inbox) as (taken, _):
        (inbox / "IMG_0002").write_bytes(picture("blue"))
        until(lambda: len(taken) == 3)


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_folders_of_file_servers_and_desktops_are_left_alone(inbox, caplog, after):
    """By events and by looks alike."""
    caplog.set_level("INFO")
    ignored = ("@eaDir", "#recycle", "$RECYCLE.BIN", ".Trash-1000", "__MACOSX", "lost+found", "@Recycle", "#snapshot")
    for folder in ignored:
        put(inbox / folder / "x" / "a.jpg")
    put(inbox / "day" / "@eaDir" / "a.jpg" / "SYNOPHOTO_THUMB_M.jpg")
    put(inbox / "day" / "a.jpg")
    put(inbox / "day" / "cam2-0.jpg")
    put(inbox / "old" / "b.jpg")
    with watching(inbox, after=after, exclude=["OLD", "*/cam2*"], poll_seconds=0.2) as (taken, _):
        for folder in (*ignored, "day/@eaDir", "old"):
            put(inbox / folder / "late" / "b.jpg")
        put(inbox / "day" / "cam2-0.jpg")
        put(inbox / "cam2.jpg")
        time.sleep(1)
    assert sorted(names(taken)) == ["a.jpg", "cam2.jpg"]
    assert len(list(inbox.rglob("*.jpg"))) >= 2 * len(ignored) + 4
    (record,) = [record for record in caplog.records if "not taken" in record.getMessage()]
    assert record.getMessage().endswith(
        "1 excluded file (day/cam2-0.jpg), 9 ignored folders (first: #recycle), 1 excluded folder (old)"
    )


def test_patterns_and_recursion(inbox):
    for name in ("Cam1.JPG", "cam2.jpg", "cam1.png", "sub/cam1.jpg"):
        put(inbox / name)
    assert sorted(names(all_frames(inbox, patterns=["CAM1.*"]))) == ["Cam1.JPG", "cam1.jpg", "cam1.png"]
    assert sorted(names(all_frames(inbox, patterns=["*.jpg"], recursive=False))) == ["Cam1.JPG", "cam2.jpg"]


@pytest.mark.parametrize(
    "name", [b"two\nlines.jpg", "\U0001f408 chat é.jpg".encode(), b"latin-\xe9.jpg", b"a b#?%.jpg"]
)
def test_any_name(inbox, until, name):
    path = os.path.join(os.fsencode(inbox), name)
    with watching(inbox, settle_seconds=LONG) as (taken, _):
        with open(path, "wb") as file:
            file.write(picture("red"))
        until(lambda: taken)
    (frame,) = taken
    assert os.fsencode(frame.path) == path
    assert os.fsencode(frame.key).startswith(name + b"#")
    assert frame.image == picture("red")


def test_a_file_is_taken_as_soon_as_its_writer_closes_it(inbox, until):
    with watching(inbox, settle_seconds=LONG) as (taken, _):
        (inbox / "a.jpg").write_bytes(picture("red"))
        until(lambda: len(taken) == 1)
        (inbox / "sub").mkdir()
        until(lambda: put_and_wait(inbox / "sub" / "b.jpg", taken, 2))
    assert names(taken) == ["a.jpg", "b.jpg"]


def put_and_wait(path, taken, count):
    """A new folder is watched a moment after it was made: a file that came in between has old age to be found by."""
    if not path.exists():
        put(path)
    return len(taken) == count


def test_a_slowly_written_file_is_taken_once_and_whole(inbox, until):
    """Pauses shorter than `settle_seconds`, all of the writing longer."""
    data = picture("green")
    with watching(inbox, settle_seconds=2.5) as (taken, _):
        with (inbox / "slow.png").open("wb") as file:
            for begin in range(0, 80, 20):
                file.write(data[begin : begin + 20] if begin < 60 else data[begin:])
                file.flush()
                time.sleep(0.7)
            assert not taken
        until(lambda: taken)
    assert [frame.image for frame in taken] == [data]


def test_a_writer_that_pauses_for_longer_than_settling_takes(inbox, until):
    """The half file is taken for whole; once completed, its content has changed, and it is a new frame."""
    data = picture("green")
    with watching(inbox, settle_seconds=0.1, incomplete_seconds=0) as (taken, _):
        with (inbox / "slow.png").open("wb") as file:
            file.write(data[:40])
            file.flush()
            until(lambda: taken)
            file.write(data[40:])
        until(lambda: len(taken) == 2)
    assert [frame.image for frame in taken] == [data[:40], data]
    assert taken[0].key != taken[1].key


def test_a_file_renamed_in_from_outside(inbox, until):
    outside = put(inbox.parent / "outside.jpg")
    fresh = put(inbox.parent / "fresh.jpg", age=0)
    with watching(inbox) as (taken, _):
        outside.rename(inbox / "inside.jpg")
        until(lambda: taken)
        fresh.rename(inbox / "fresh.jpg")
        until(lambda: len(taken) == 2)
    assert names(taken) == ["inside.jpg", "fresh.jpg"]


def test_a_temporary_name_that_becomes_the_final_one(inbox, until):
    with watching(inbox, settle_seconds=LONG) as (taken, _):
        (inbox / ".upload.part").write_bytes(picture("red"))
        (inbox / ".upload.part").rename(inbox / "upload.jpg")
        until(lambda: taken)
    assert names(taken) == ["upload.jpg"]


def test_the_watchdog_that_is_installed_can_be_told_how_long_to_keep_half_a_rename_back():
    """Else, where files leave the folder, new ones are found half a second later than they could be."""
    assert folder_watch._set_rename_delay(folder_watch._RENAME_DELAY_S)


def test_nested_folders_that_appear_are_watched_without_a_warning(inbox):
    """watchdog registers such folders twice, and warns of that, in a process in which any warning is an error."""
    script = f"""
import os, sys, time
from edgecls.device.sources.folder_watch import FolderWatch
watch = FolderWatch({str(inbox)!r}, recursive=True)
watch.check()
time.sleep(0.2)  # until its threads wait for events
for n in range(300):
    os.makedirs(os.path.join({str(inbox)!r}, str(n), "a", "b", "c"))
while os.path.join({str(inbox)!r}, "299") not in watch.take()[0]:
    time.sleep(0.02)
watch.stop()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_moved_in(inbox, until):
    put(inbox.parent / "batch" / "a.jpg")
    put(inbox.parent / "batch" / "b.jpg")
    with watching(inbox) as (taken, _):
        (inbox.parent / "batch").rename(inbox / "batch")
        until(lambda: len(taken) == 2)
    assert sorted(frame.key.split("#")[0] for frame in taken) == ["batch/a.jpg", "batch/b.jpg"]


def test_changed_content_is_a_new_frame_and_a_touched_file_has_the_same_key(inbox, until):
    path = put(inbox / "a.jpg", "red")
    with watching(inbox) as (taken, _):
        until(lambda: len(taken) == 1)
        path.write_bytes(picture("blue"))
        until(lambda: len(taken) == 2)
        put(path, "blue", age=100)
        until(lambda: len(taken) == 3)
    keys = [frame.key for frame in taken]
    assert keys[0] != keys[1] == keys[2]


def test_without_events_it_polls(inbox, until):
    with watching(inbox, poll_seconds=0.05) as (taken, _):
        time.sleep(0.1)
        elsewhere = put(inbox.parent / "a.jpg")
        os.link(elsewhere, inbox / "a.jpg")
        until(lambda: taken)
    assert names(taken) == ["a.jpg"]


@pytest.mark.parametrize("failing", ["__init__", "schedule", "start"])
def test_where_the_system_has_no_watch_left_it_polls(inbox, until, monkeypatch, caplog, failing):
    def fail(*_, **__):
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(Observer, failing, fail)
    with watching(inbox, poll_seconds=0.05) as (taken, _):
        put(inbox / "a.jpg")
        until(lambda: taken)
    (record,) = caplog.records
    assert "cannot be watched ([Errno 24] inotify instance limit reached): scanning it regularly" in record.getMessage()


def test_a_time_in_the_future_settles_too(inbox, until):
    """A board without a clock battery gets files from machines that know the time."""
    with watching(inbox, settle_seconds=0.2) as (taken, _):
        put(inbox.parent / "a.jpg", age=-86400).rename(inbox / "a.jpg")
        until(lambda: taken)
    assert names(taken) == ["a.jpg"]


def test_a_file_gone_before_it_was_read_does_not_stop_the_rest(inbox):
    for name, age in (("a.jpg", 30), ("b.jpg", 20), ("c.jpg", 10)):
        put(inbox / name, age=age)
    with open_source(settings(inbox, until_idle=0.1)) as source:
        frames = delivered(source, threading.Event())
        taken = [next(frames)]
        (inbox / "b.jpg").unlink()
        taken += frames
    assert [(os.path.basename(frame.path), frame.error) for frame in taken] == [("a.jpg", None), ("c.jpg", None)]


def test_files_that_are_gone_are_forgotten(inbox, until):
    with watched(settings(inbox, poll_seconds=0.05)) as (taken, source, _):
        for n in range(3):
            path = put(inbox / f"{n}.jpg")
            until(lambda n=n: len(taken) == n + 1)
            path.unlink()
        until(lambda: not source._memory._delivered)


def test_many_files(inbox):
    data = picture("red")
    for n in range(3000):
        (inbox / f"{n}.png").write_bytes(data)
    assert len(all_frames(inbox, settle_seconds=0.001)) == 3000


def test_stop_ends_it_soon(inbox):
    put(inbox / "a.jpg")
    with watching(inbox) as (_, stop):
        begun = time.monotonic()
        stop.set()
    assert time.monotonic() - begun < LONG / 2


def test_stop_ends_it_between_two_files(inbox):
    for n in range(5):
        put(inbox / f"{n}.jpg", age=10 - n)
    stop = threading.Event()
    with open_source(settings(inbox)) as source:
        taken = []
        for frame in delivered(source, stop):
            taken.append(frame)
            if len(taken) == 2:
                stop.set()
    assert names(taken) == ["0.jpg", "1.jpg"]


def test_idle_means_that_nothing_came_for_so_long(inbox, until):
    with watching(inbox, until_idle=2) as (taken, _):
        for n in range(3):
            time.sleep(0.7)
            put(inbox / f"{n}.jpg")
            until(lambda n=n: len(taken) == n + 1)
    begun = time.monotonic()
    assert len(all_frames(inbox, until_idle=0.3)) == 3
    assert time.monotonic() - begun > 0.3


def test_a_file_still_growing_is_waited_for(inbox):
    (inbox / "a.jpg").write_bytes(picture("red"))
    assert names(all_frames(inbox, settle_seconds=0.5, until_idle=0.05)) == ["a.jpg"]


def test_no_such_folder(tmp_path):
    with pytest.raises(InputNotFound, match=r"no folder at .*missing: create it, or correct source\.path"):
        open_source(settings(tmp_path / "missing")).__enter__()
    (tmp_path / "file").touch()
    with pytest.raises(InputNotFound, match="no folder at"):
        open_source(settings(tmp_path / "file")).__enter__()


def test_one_that_is_left_at_once_says_nothing(inbox, caplog):
    """watchdog calls it an error, in its log, when an observer is stopped while its thread is starting."""
    for _ in range(500):
        with open_source(settings(inbox)):
            pass
    assert not caplog.records
