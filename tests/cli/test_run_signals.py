"""Real signals to a real process, in every phase it can be in; and what its watchdog hears when a phase does not end."""

import contextlib
import os
import signal
import sqlite3
import time
from contextlib import closing, contextmanager, suppress

import cv2
import numpy as np
import pytest
from served import labels, put, rows, wait_for

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.device.classifier_pool import QUEUED

SLOW = """
import os, time
from {module} import {owner}
step = {owner}.{name}
def slow(*arguments, **options):
    os.write(1, b"there\\n")  # at once: print writes the end of a line apart, and two threads may be here
    time.sleep({seconds})
    return step(*arguments, **options)
{owner}.{name} = slow
"""
CHECK = """
from edgecls.database import health
health.PROGRESS_STEPS = 1
check = health._check_integrity
def slow(db, stop, progress):
    def waiting():
        print("there", flush=True)
        stop.wait(20)
        progress()
    return check(db, stop, waiting)
health._check_integrity = slow
"""


def slow(module, owner, name, seconds=0.3):
    """A step of the daemon that says when it begins, and takes its time."""
    return SLOW.format(module=module, owner=owner, name=name, seconds=seconds)


def ends_well(process, within=10.0):
    begun = time.monotonic()
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in out + err) == (0, False), err
    assert time.monotonic() - begun < within
    return err


def runs(path):
    with closing(open_results(path)) as db:
        return [reason for (reason,) in db.execute("SELECT stop_reason FROM runs ORDER BY id")]


@contextmanager
def held(path):
    """Another program's transaction."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield
        db.execute("ROLLBACK")


def make_database(path):
    Store(path).close()


def write_video(path, frames, fps):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    for _ in range(frames):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()


def configure(tmp_path, source, top=""):
    (tmp_path / "edgecls.toml").write_text(f'model = "model.tflite"\n{top}\n[source]\n{source}\n')


def test_sigterm_while_the_database_is_checked(service, manager, inbox, tmp_path):
    with service() as process:
        put(inbox, "a.png", "red")
        wait_for(manager, "STATUS=1 rows")
        process.kill()
        process.wait()
    with service(CHECK) as process:
        assert process.stdout.readline() == "there\n"
        ends_well(process)
    assert runs(tmp_path / "results.db") == [None, "signal"]  # the next start checks again


def test_sigterm_while_a_frame_is_classified(service, inbox, tmp_path):
    for n in range(20):
        put(inbox, f"{n}.png", "red")
    configure(tmp_path, 'path = "inbox"\nafter = "delete"', "interpreters = 2")
    with service(slow("edgecls.inference.classifier", "Classifier", "classify")) as process:
        assert process.stdout.readline() == "there\n"
        ends_well(process)
    assert 0 < len(labels(tmp_path)) <= 2 * (1 + QUEUED)  # the frames that were on their way
    assert len(labels(tmp_path)) + len(os.listdir(inbox)) == 20
    assert runs(tmp_path / "results.db") == ["signal"]


def test_sigterm_while_a_row_waits_for_a_locked_database(service, manager, inbox, tmp_path):
    with service() as process:
        wait_for(manager, "READY=1")
        with held(tmp_path / "results.db"):
            put(inbox, "a.png", "red")
            wait_for(manager, "STATUS=waiting for ")
            ends_well(process)
    assert (labels(tmp_path), os.listdir(inbox)) == ([], ["a.png"])


def test_sigterm_while_it_reloads(service, manager, inbox, tmp_path):
    put(inbox, "a.png", "red")
    with service(slow("edgecls.device.assembly", "Assembly", "switch")) as process:
        wait_for(manager, "STATUS=1 rows")
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "there\n"
        ends_well(process)
    assert labels(tmp_path) == ["red"]
    assert runs(tmp_path / "results.db") == ["reloaded", "signal"]


@pytest.mark.parametrize("moment", ["while it opens", "while it is lost"])
def test_sigterm_while_a_camera_is_not_there(service, manager, tmp_path, moment):
    prelude = slow("edgecls.device.sources.reader", "Reader", "run", 1) if moment == "while it opens" else ""
    configure(tmp_path, 'type = "camera"\ndevice = "/dev/video77"\nreconnect_max_seconds = 1')
    with service(prelude) as process:
        if moment == "while it opens":
            assert process.stdout.readline() == "there\n"
        else:
            wait_for(manager, "STATUS=lost: /dev/video77 does not exist: plug the camera in")
        ends_well(process)
    assert runs(tmp_path / "results.db") == ["signal"]


def test_sigterm_in_a_paced_video(service, manager, tmp_path):
    write_video(tmp_path / "video.avi", 20, fps=0.5)
    configure(tmp_path, 'type = "video"\npath = "video.avi"\npace = "real"')
    with service() as process:
        wait_for(manager, "STATUS=1 rows")
        ends_well(process, within=2)
    assert len(labels(tmp_path)) == 1


def test_sighup_before_there_is_a_handler_does_not_end_it(service, manager):
    """systemd would take that for a stop that was asked for, and never start it again."""
    early = """
import os, signal
from edgecls.cli import run
reader = run._reader
def hup(*arguments):
    os.kill(os.getpid(), signal.SIGHUP)
    return reader(*arguments)
run._reader = hup
"""
    with service(early) as process:
        wait_for(manager, "READY=1")
        ends_well(process)


def test_a_start_waits_until_a_held_database_is_free(service, manager, inbox, tmp_path, until):
    make_database(tmp_path / "results.db")
    put(inbox, "a.png", "red")
    with contextlib.ExitStack() as stack, service() as process:
        stack.enter_context(held(tmp_path / "results.db"))
        heard = wait_for(manager, "STATUS=waiting for the database: it is locked by another process, or the disk is")
        heard += wait_for(manager, "EXTEND_TIMEOUT_USEC=")
        assert "READY=1" not in heard
        assert process.poll() is None
        stack.close()
        wait_for(manager, "READY=1")
        until(lambda: labels(tmp_path) == ["red"])
        assert "available again" in ends_well(process)


def test_sigterm_ends_the_wait_of_a_start(service, manager, inbox, tmp_path):
    make_database(tmp_path / "results.db")
    put(inbox, "a.png", "red")
    with held(tmp_path / "results.db"), service() as process:
        wait_for(manager, "STATUS=waiting for ")
        assert ends_well(process).endswith("edgecls: stopped (signal) before it was ready\n")
    assert runs(tmp_path / "results.db") == []


@pytest.mark.parametrize("is_there", [True, False], ids=["a database", "no database yet"])
def test_a_start_on_a_full_disk_waits_for_room(service, manager, inbox, small_disk, until, is_there, tmp_path):
    if is_there:
        make_database(small_disk / "results.db")
    fill(small_disk / "full")
    configure(tmp_path, 'path = "inbox"', f'database = "{small_disk}/results.db"')
    put(inbox, "a.png", "red")
    with service() as process:
        wait_for(manager, "STATUS=waiting for ")
        (small_disk / "full").unlink()
        wait_for(manager, "READY=1")
        until(lambda: labels(small_disk) == ["red"])
        ends_well(process)


def fill(path):
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def test_a_reload_moves_the_database_away_from_a_full_disk(service, manager, inbox, small_disk, tmp_path, until):
    """Frames in flight are not acknowledged; their rows are in the new database, as are those of all that follow."""
    after = 'path = "inbox"\nafter = "delete"'
    configure(tmp_path, after, f'database = "{small_disk}/results.db"')
    with service() as process:
        wait_for(manager, "READY=1")
        fill(small_disk / "full")
        for n in range(60):
            put(inbox, f"{n}.png", "red")
        wait_for(manager, "STATUS=waiting for ")
        configure(tmp_path, after)
        process.send_signal(signal.SIGHUP)
        wait_for(manager, "READY=1")
        until(lambda: not os.listdir(inbox))
        ends_well(process)
    (small_disk / "full").unlink()
    paths = [row["path"] for database in (small_disk, tmp_path) for row in rows(database / "results.db")]
    assert len(paths) == len(set(paths)) == 60
    assert labels(tmp_path)
    assert runs(tmp_path / "results.db") == ["signal"]


def test_a_reload_with_which_the_wait_goes_on(service, manager, inbox, tmp_path, until):
    """Nothing changes, except that frames in flight are classified again."""
    with service() as process:
        wait_for(manager, "READY=1")
        with held(tmp_path / "results.db"):
            for n in range(3):
                put(inbox, f"{n}.png", "red")
            wait_for(manager, "STATUS=waiting for ")
            process.send_signal(signal.SIGHUP)
            wait_for(manager, "READY=1")
            wait_for(manager, "STATUS=waiting for ")
        until(lambda: len(labels(tmp_path)) == 3)
        ends_well(process)


def is_silent(manager, seconds):
    """Whether the pings end; some may be on their way."""
    manager.settimeout(seconds)
    try:
        for _ in range(50):
            manager.recv(4096)
    except TimeoutError:
        return True
    return False


STUCK = [
    ("edgecls.inference.classifier", "Classifier", "classify"),
    ("edgecls.database.store", "Store", "write_many"),
    ("edgecls.device.sources.folder", "FolderSource", "_read"),
    ("edgecls.device.sources.folder", "FolderSource", "acknowledge"),
]


@pytest.mark.parametrize(("module", "owner", "name"), STUCK, ids=["network", "commit", "source", "acknowledgement"])
def test_whatever_is_stuck_ends_the_pings(service, manager, inbox, tmp_path, module, owner, name):
    configure(
        tmp_path, 'path = "inbox"\nsettle_seconds = 0.1', "interpreters = 2"
    )  # else the start measures the network
    with service(slow(module, owner, name, 3600), watchdog=0.4) as process:
        wait_for(manager, "WATCHDOG=1")
        put(inbox, "a.png", "red")
        assert process.stdout.readline() == "there\n"
        assert is_silent(manager, 1)  # more than twice WATCHDOG_USEC
        assert process.poll() is None
