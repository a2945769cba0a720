"""The database of a running daemon is removed, renamed, replaced or overwritten: no image goes without its row."""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest
from pictures import picture

from edgecls.database.backup import back_up

SOURCE = 'path = "inbox"\nsettle_seconds = 0.05\nafter = "{after}"\n'


@pytest.fixture
def configure(tmp_path, tiny_model):
    (tmp_path / "inbox").mkdir()

    def configure(after="delete", database="results.db"):
        text = f'model = "{tiny_model.path}"\ndatabase = "{database}"\n[source]\n' + SOURCE.format(after=after)
        (tmp_path / "edgecls.toml").write_text(text)

    configure()
    return configure


@pytest.fixture
def daemon(environment, tmp_path, configure):  # noqa: ARG001 - there must be a configuration
    @contextmanager
    def daemon(code=0):
        command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
        with (
            (tmp_path / "log").open("ab") as log,
            subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=log) as process,
        ):
            try:
                yield process
                process.terminate()
                assert process.wait(60) == code, (tmp_path / "log").read_text()
            finally:
                process.kill()
        assert "Traceback" not in (tmp_path / "log").read_text()

    return daemon


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


def deliver(folder, first, count):
    for n in range(first, first + count):
        (folder / "part").write_bytes(picture(("red", "green", "blue")[n % 3]))
        (folder / "part").rename(folder / "inbox" / f"{n}.png")


def names(path):
    """The files that have a row in the database at `path` alone, as a program that copies just this file sees it."""
    if not path.exists():
        return set()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as db:
        try:
            return {key.partition("#")[0] for (key,) in db.execute("SELECT key FROM results")}
        except sqlite3.DatabaseError:  # in the middle of being replaced
            return set()


def left(folder):
    return {path.name for path in (folder / "inbox").iterdir()}


def removed(folder):
    (folder / "results.db").unlink()


def removed_with_all_beside(folder):
    for path in folder.glob("results.db*"):
        path.unlink()


def renamed(folder):
    (folder / "results.db").rename(folder / "old.db")


def replaced(folder):
    (folder / "good.db").rename(folder / "results.db")


def overwritten(folder):
    shutil.copyfile(folder / "good.db", folder / "results.db")


def overwritten_without_its_log(folder):
    for suffix in ("-wal", "-shm"):
        (folder / f"results.db{suffix}").unlink()
    shutil.copyfile(folder / "good.db", folder / "results.db")


@pytest.mark.parametrize(
    "disturb",
    [removed, removed_with_all_beside, renamed, replaced, overwritten, overwritten_without_its_log],
    ids=lambda function: function.__name__,
)
def test_what_comes_after_that_has_its_row_in_the_file_at_the_name(daemon, tmp_path, disturb):
    database = tmp_path / "results.db"
    with daemon():
        deliver(tmp_path, 0, 3)
        until(lambda: not left(tmp_path) and len(names(database)) == 3)
        back_up(database, tmp_path / "good.db")
        deliver(tmp_path, 3, 3)
        until(lambda: not left(tmp_path) and len(names(database)) == 6)
        disturb(tmp_path)
        deliver(tmp_path, 6, 6)
        until(lambda: not left(tmp_path))
    later = {f"{n}.png" for n in range(6, 12)}
    before = {"0.png", "1.png", "2.png"} if disturb in (replaced, overwritten, overwritten_without_its_log) else set()
    assert names(database) == later | before
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    first_six = {f"{n}.png" for n in range(6)}
    aside = [tmp_path / "old.db", *tmp_path.glob("results.db.removed-*")]
    kept = set().union(*map(names, aside))
    assert kept == (set() if "overwritten" in disturb.__name__ else first_six)
    log = (tmp_path / "log").read_text()
    assert log.count("while it was open: ") == 1, log
    assert log.count("was reopened") == 1, log


def test_files_that_stay_are_looked_at_again(daemon, configure, tmp_path):
    configure(after="keep")
    database = tmp_path / "results.db"
    with daemon():
        deliver(tmp_path, 0, 5)
        until(lambda: len(names(database)) == 5)
        removed_with_all_beside(tmp_path)
        until(lambda: len(names(database)) == 5)
        deliver(tmp_path, 5, 2)
        until(lambda: len(names(database)) == 7)
    assert left(tmp_path) == names(database)


def test_no_image_is_without_a_row_however_often_the_file_is_removed(daemon, tmp_path):
    """At no certain moment: between commit and acknowledgement, and while images wait to be classified."""
    with daemon():
        until(lambda: "ready" in (tmp_path / "log").read_text())
        for n in range(5):
            deliver(tmp_path, 20 * n, 20)
            until((tmp_path / "results.db").exists)  # an idle daemon does not miss it
            removed(tmp_path)
        until(lambda: not left(tmp_path))
    everywhere = [tmp_path / "results.db", *tmp_path.glob("results.db.removed-*")]
    assert set().union(*map(names, everywhere)) == {f"{n}.png" for n in range(100)}


def test_a_folder_that_vanishes_ends_the_daemon_with_one_line(daemon, configure, tmp_path):
    (tmp_path / "data").mkdir()
    configure(database="data/results.db")
    with daemon(code=66) as process:
        until(lambda: "ready" in (tmp_path / "log").read_text())
        (tmp_path / "data").rename(tmp_path / "archive")
        deliver(tmp_path, 0, 3)
        process.wait(60)
    assert left(tmp_path) == {"0.png", "1.png", "2.png"}
    assert "there is no folder" in (tmp_path / "log").read_text()


def test_rubbish_at_the_name_ends_the_daemon_with_one_line(daemon, tmp_path):
    with daemon(code=65) as process:
        until(lambda: "ready" in (tmp_path / "log").read_text())
        (tmp_path / "results.db").write_bytes(b"not a database " * 1000)
        deliver(tmp_path, 0, 3)
        process.wait(60)
    assert left(tmp_path) == {"0.png", "1.png", "2.png"}
    assert "is not a SQLite database" in (tmp_path / "log").read_text()
