"""Retry while the disk is full or the file is locked: nothing is dropped, and the log says so once."""

import subprocess
import sys
import threading

import pytest
from example_rows import begin, frame

from edgecls.database import store as store_module
from edgecls.database.retry import GaveUp, retry
from edgecls.database.store import Store
from edgecls.errors import BadDatabase, IoFailed, Unavailable


@pytest.fixture
def durable(path, monkeypatch):
    """As the service opens it, but for a busy timeout that a test can wait for."""
    monkeypatch.setattr(store_module, "PATIENT_BUSY_TIMEOUT_S", 0.02)
    with Store.open_durably(path) as opened:
        begin(opened)
        yield opened


def write_retrying(store, row, abort_wait, progress=None):
    retry(lambda: store.write(row), abort_wait, progress=progress)


class Progress:
    """Calls `mend` when it is called for the third time."""

    def __init__(self, mend):
        self.calls, self.mend = 0, mend

    def __call__(self):
        self.calls += 1
        if self.calls == 3:
            self.mend()


def test_success_at_the_first_attempt_logs_nothing(durable, caplog):
    write_retrying(durable, frame(), threading.Event())
    assert durable.has("folder", "a.jpg")
    assert caplog.messages == []


def test_another_process_holds_the_file(durable, path, caplog):
    script = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
db.close()
print("free", flush=True)
"""
    command = [sys.executable, "-c", script, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"

        def release():
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline() == "free\n"

        progress = Progress(release)
        write_retrying(durable, frame(), threading.Event(), progress=progress)
    assert progress.calls >= 3
    assert durable.has("folder", "a.jpg")
    waits, goes_on = caplog.messages
    assert waits.startswith(f"another process holds {path}: ")
    assert waits.endswith("(retrying; nothing is dropped)")
    assert goes_on.startswith("the database is available again after ")


def fill(store):
    """Until there is no more room; returns how many rows found some."""
    for n in range(10_000):
        try:
            store.write(frame(str(n)))
        except Unavailable:  # noqa: PERF203 - this is what it counts
            return n
    raise AssertionError("still not full")


def test_a_full_database(durable, caplog, read):
    (pages,) = durable.database.execute("PRAGMA page_count").fetchone()
    durable.database.execute(f"PRAGMA max_page_count={pages + 5}")
    written = fill(durable)
    progress = Progress(lambda: durable.database.execute("PRAGMA max_page_count=1000000"))
    write_retrying(durable, frame("waited"), threading.Event(), progress=progress)
    assert read("SELECT count(*) FROM results") == [(written + 1,)]
    assert [message.partition(" (")[0] for message in caplog.messages] == [
        f"{durable.path}: the disk is full: free some space",
        next(message for message in caplog.messages if message.startswith("the database is available again")),
    ]


def test_a_full_disk(small_disk, caplog):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(32 * 1024))
    with Store.open_durably(small_disk / "results.db") as store:
        begin(store)
        written = fill(store)
        progress = Progress(ballast.unlink)
        write_retrying(store, frame("waited"), threading.Event(), progress=progress)
        assert store.database.execute("SELECT count(*) FROM results").fetchone() == (written + 1,)
    assert len(caplog.messages) == 2
    assert "the disk is full" in caplog.messages[0]


def test_aborting_the_wait_gives_up_and_writes_nothing(durable):
    stop = threading.Event()
    durable.database.execute("PRAGMA max_page_count=1")
    fill(durable)
    with pytest.raises(GaveUp):
        write_retrying(durable, frame("waited"), stop, progress=Progress(stop.set))
    assert not durable.has("folder", "waited")


def test_the_action_runs_once_even_if_the_wait_is_aborted_already():
    stop = threading.Event()
    stop.set()
    assert retry(lambda: "value", stop) == "value"
    with pytest.raises(GaveUp) as gave_up:
        retry(refuse, stop)
    assert str(gave_up.value.__cause__) == "held"


def refuse():
    raise Unavailable("held")


@pytest.mark.parametrize("error", [IoFailed("read-only"), BadDatabase("damaged"), RuntimeError("a bug")])
def test_other_errors_are_not_retried(error):
    def fail():
        raise error

    with pytest.raises(type(error)):
        retry(fail, threading.Event())
