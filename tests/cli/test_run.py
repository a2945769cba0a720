"""`edgecls run` as a process that lives, gets signals, and is started again."""

import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
from pictures import picture

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.smoke


@pytest.fixture
def inbox(tmp_path, tiny_model):
    """The watched folder, with a configuration beside it."""
    (tmp_path / "edgecls.toml").write_text(
        f'model = "{tiny_model.path}"\ndevice = "line 3"\n[source]\npath = "inbox"\nsettle_seconds = 0.1\n'
    )
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def rows(folder):
    path = folder / "results.db"
    if not path.exists():
        return []
    with closing(open_results(path)) as db:
        return sorted(find_rows(db), key=lambda row: row["id"])


def runs(folder):
    with closing(open_results(folder / "results.db")) as db:
        return db.execute("SELECT device, source, stop_reason, stopped_at IS NULL FROM runs ORDER BY id").fetchall()


@pytest.fixture
def daemon(environment, tmp_path):
    """A running daemon; it is killed if the test does not end it."""

    @contextmanager
    def daemon():
        command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
        with subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return daemon


def put(path, colour):
    path.with_name(".part").write_bytes(picture(colour))
    path.with_name(".part").rename(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_everything_committed(daemon, inbox, tmp_path, until, number):
    put(inbox / "a.png", "red")
    with daemon() as process:
        assert (
            process.stderr.readline() == f"edgecls: ready: tiny, self-test passed (4 golden examples), folder:{inbox}\n"
        )
        until(lambda: len(rows(tmp_path)) == 1)
        put(inbox / "b.png", "blue")
        until(lambda: len(rows(tmp_path)) == 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.splitlines() == [
        f"edgecls: {signal.Signals(number).name}: finishing the frames in flight",
        "edgecls: stopped (signal): 2 rows written",
    ]
    assert [(row["path"], row["label"]) for row in rows(tmp_path)] == [
        (str(inbox / "a.png"), "red"),
        (str(inbox / "b.png"), "blue"),
    ]
    assert runs(tmp_path) == [("line 3", f"folder:{inbox}", "signal", 0)]


def test_killed_and_started_again_it_classifies_every_file_once(daemon, edgecls, inbox, tmp_path, until):
    for n in range(20):
        put(inbox / f"{n}.png", "red")
    with daemon() as process:
        process.stderr.readline()
        until(lambda: rows(tmp_path))
        process.kill()
    put(inbox / "late.png", "blue")
    done = edgecls("run", "--config", "edgecls.toml", "--until-idle", "0.3")
    found = rows(tmp_path)
    assert sorted(os.path.basename(row["path"]) for row in found) == sorted(os.listdir(inbox))
    assert len({row["key"] for row in found}) == len(found) == 21
    assert done.stderr.endswith(" rows written\n")
    assert [run[2:] for run in runs(tmp_path)] == [("killed, or the power was cut", 1), ("idle", 0)]


def test_bad_images_are_rows_and_lines(edgecls, inbox, tmp_path):
    (inbox / "two\nlines.png").write_bytes(b"text")
    put(inbox / "good.png", "green")
    os.utime(inbox / "two\nlines.png", (1, 1))
    done = edgecls("run", "--config", "edgecls.toml", "--until-idle", "0.3")
    assert done.stderr.splitlines()[1:] == [
        f"edgecls: {inbox}/two\\nlines.png is a text file, not an image: remove it",
        "edgecls: stopped (idle): 2 rows written",
    ]
    assert [row["label"] for row in rows(tmp_path)] == [None, "green"]


def test_the_configuration_may_be_named_by_the_environment(edgecls, environment, inbox, tmp_path):
    put(inbox / "a.png", "red")
    environment["EDGECLS_CONFIG"] = str(tmp_path / "edgecls.toml")
    edgecls("run", "--until-idle", "0.1")
    assert len(rows(tmp_path)) == 1


def test_a_disk_that_fills_up(daemon, inbox, small_disk, tmp_path, until):
    """It waits, says so once, and goes on when there is room."""
    config = tmp_path / "edgecls.toml"
    config.write_text(f'database = "{small_disk}/results.db"\n' + config.read_text())
    for n in range(400):
        put(inbox / f"{n}.png", "red")
    with daemon() as process:
        assert "ready" in process.stderr.readline()
        waits = process.stderr.readline()
        assert waits.startswith(f"edgecls: {small_disk}/results.db: the disk is full: free some space (retrying")
        subprocess.run(["mount", "-o", "remount,size=32m", small_disk], check=True)
        until(lambda: len(rows(small_disk)) == 400)
        process.terminate()
        assert "available again" in process.stderr.readline()
