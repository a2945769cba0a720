"""What a start finds after the last stop: nothing to do, something to check, or damage."""

import logging
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from example_rows import begin, frame

from edgecls.database import health
from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import BadDatabase
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.slow

CHECKED = "the database was not closed cleanly: checked"


@pytest.fixture(autouse=True)
def everything_logged(caplog):
    caplog.set_level(logging.INFO)


def fill(path, rows=300, reason=None):
    """A database whose run ended with `reason`, or was killed."""
    with Store(path) as store:
        begin(store)
        with store.database.atomic():
            for n in range(rows):
                store.write(frame(str(n)))
        if reason:
            store.end_run(reason)


def keys(path):
    with closing(open_results(path)) as db:
        return {row["key"] for row in find_rows(db)}


def overwrite(path, page, content):
    with path.open("r+b") as file:
        file.seek(page * 4096)
        file.write(content)


def set_aside(path):
    return sorted(file.name for file in path.parent.iterdir() if ".corrupt-" in file.name)


def test_after_a_clean_stop_nothing_is_checked(path, caplog):
    fill(path, reason="signal")
    Store.open_durably(path).close()
    assert caplog.messages == []


def test_through_a_link_the_file_itself_is_checked_and_set_aside(path, caplog):
    fill(path)
    (path.parent / "links").mkdir()
    link = path.parent / "links/results.db"
    link.symlink_to(path)
    Store.open_durably(link).close()
    assert caplog.messages[0].startswith(CHECKED)
    overwrite(path, 0, b"\0" * 4096)
    Store.open_durably(link).close()
    assert len(set_aside(path)) == 1
    assert (link.is_symlink(), keys(path), set_aside(link)) == (True, set(), [])


def test_after_a_kill_it_is_checked_once(path, caplog, read):
    fill(path)
    Store.open_durably(path).close()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(CHECKED)
    assert read("SELECT stopped_at, stop_reason FROM runs") == [(None, "killed, or the power was cut")]
    Store.open_durably(path).close()
    assert len(caplog.messages) == 1
    assert len(keys(path)) == 300


def test_a_new_database_and_an_empty_one(path, caplog):
    Store.open_durably(path).close()
    path.unlink()
    path.touch()
    Store.open_durably(path).close()
    assert caplog.messages == []
    assert set_aside(path) == []


def test_a_killed_process_leaves_a_log_and_all_its_rows(path, caplog):
    script = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from example_rows import begin, frame
from edgecls.database.store import Store
store = Store({str(path)!r})
begin(store)
for n in range(50):
    store.write(frame(str(n)))
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert path.with_name("results.db-wal").stat().st_size
    Store.open_durably(path).close()
    assert caplog.messages[0].startswith(CHECKED)
    assert len(keys(path)) == 50


def test_a_damaged_database_is_set_aside_and_a_new_one_begun(path, caplog):
    fill(path)
    overwrite(path, 25, b"\xa5" * 4096)
    before = path.read_bytes()
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("after"))
    (name,) = set_aside(path)
    assert re.fullmatch(r"results\.db\.corrupt-\d{8}T\d{6}Z", name)
    assert path.with_name(name).read_bytes() == before
    assert keys(path) == {"after"}
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert f"it is now {path.parent / name}, and a new one was begun" in warning
    assert f"`sqlite3 {path.parent / name} .dump`" in warning
    assert "\n" not in warning


@pytest.mark.parametrize("table", ["results", "sqlite_autoindex_results_1"])
def test_what_the_documentation_says_rescues_rows(path, table):
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("no sqlite3 shell")
    fill(path, rows=1000)  # so that the index too has several leaves
    with closing(sqlite3.connect(path)) as db:
        ((root,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    with path.open("rb") as file:
        file.seek((root - 1) * 4096 + 12)
        (first_cell, second_cell) = (int.from_bytes(file.read(2), "big") for _ in range(2))
        file.seek((root - 1) * 4096 + second_cell)
        leaf = int.from_bytes(file.read(4), "big")  # the second child of the root
        assert first_cell != second_cell
    overwrite(path, leaf - 1, b"\xa5" * 4096)
    Store.open_durably(path).close()
    (name,) = set_aside(path)
    damaged, rescued = path.with_name(name), path.with_name("rescued.db")
    rescue = f"{shell} {damaged} .dump | sed 's/^ROLLBACK.*/COMMIT;/' | {shell} {rescued}"
    subprocess.run(rescue, shell=True, check=True, capture_output=True)
    with closing(sqlite3.connect(path.with_name("rescued.db"))) as db:
        assert 950 < db.execute("SELECT count(*) FROM results").fetchone()[0] <= 1000
    assert len(keys(rescued)) > 950  # it is a results database


def test_an_index_that_lags_behind_its_table_is_damage_too(path):
    """A page that the disk acknowledged and lost: whole, but old. `quick_check` sees nothing wrong with it."""
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        ((*entry,),) = db.execute("SELECT * FROM sqlite_master WHERE name = 'results_label'").fetchall()
        db.execute("PRAGMA writable_schema=ON")
        db.execute("DELETE FROM sqlite_master WHERE name = 'results_label'")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE results SET label = 'lynx' WHERE id = 7")
        db.execute("PRAGMA writable_schema=ON")
        db.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", entry)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    Store.open_durably(path).close()
    assert len(set_aside(path)) == 1


@pytest.mark.parametrize("erased", [bytes(4096), b"\xff" * 4096])
def test_an_erased_beginning(path, erased):
    fill(path, reason="signal")
    overwrite(path, 0, erased)
    Store.open_durably(path).close()
    assert len(set_aside(path)) == 1


def test_damage_that_shows_on_opening_is_found_after_a_clean_stop_too(path):
    fill(path, reason="signal")
    overwrite(path, 1, bytes(4096))  # a page of the schema's tables
    Store.open_durably(path).close()
    assert len(set_aside(path)) == 1


def test_the_log_goes_with_its_database(path):
    fill(path, reason="signal")
    overwrite(path, 0, bytes(4096))
    path.with_name("results.db-wal").write_bytes(b"log")
    path.with_name("results.db-shm").write_bytes(b"index of the log")
    Store.open_durably(path).close()
    name, *rest = set_aside(path)
    assert rest == [f"{name}-shm", f"{name}-wal"]
    assert path.with_name(f"{name}-wal").read_bytes() == b"log"


def test_a_log_without_its_database_is_not_left_to_be_deleted(path):
    path.with_name("results.db-wal").write_bytes(b"rows" * 1000)
    Store.open_durably(path).close()
    (name,) = set_aside(path)
    assert name.endswith("-wal")
    assert path.with_name(name).read_bytes() == b"rows" * 1000


def test_no_name_is_taken_twice(path):
    for n in range(3):
        path.write_text(str(n))
        health.set_aside(path)
    assert sorted(path.with_name(name).read_text() for name in set_aside(path)) == ["0", "1", "2"]


@pytest.mark.parametrize("content", ["time,label\n" * 100, "x", "TFL3" * 1000])
def test_a_file_named_by_mistake_is_left_where_it_is(path, content):
    path.write_text(content)
    with pytest.raises(BadDatabase, match="is not a SQLite database"):
        Store.open_durably(path)
    assert path.read_text() == content


def test_a_foreign_and_a_newer_database_are_left_where_they_are(path):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE runs (stopped_at, stop_reason)")
    with pytest.raises(BadDatabase, match="is not an edgecls results database"):
        Store.open_durably(path)
    path.unlink()
    fill(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO _sqlite_migrations VALUES (99, 'edgecls', 'm999_future', '')")
    with pytest.raises(BadDatabase, match="newer edgecls"):
        Store.open_durably(path)
    assert set_aside(path) == []


def test_only_the_service_sets_aside(path):
    fill(path)
    overwrite(path, 1, bytes(4096))
    before = path.read_bytes()
    for opener in (Store, open_results):
        with pytest.raises(BadDatabase, match="is damaged"):
            opener(path)
    assert path.read_bytes() == before


def test_damage_met_while_running_is_found_by_the_next_start(path):
    fill(path, reason="signal")
    store = Store(path)
    begin(store)
    store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.database.execute("PRAGMA cache_size=0")
    ((root,),) = store.database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_results_1'")
    store.close()
    overwrite(path, root - 1, b"\xa5" * 4096)
    with Store(path) as store:
        begin(store)
        with pytest.raises(BadDatabase, match="is damaged"):
            store.write(frame("new"))
        store.end_run("error")  # what runs on the way out
    Store.open_durably(path).close()
    assert len(set_aside(path)) == 1


def test_a_check_shows_that_it_goes_on(path, monkeypatch):
    monkeypatch.setattr(health, "_STEPS_BETWEEN_LOOKS", 100)
    looks = []
    fill(path)
    Store.open_durably(path, progress=lambda: looks.append(1)).close()
    assert len(looks) > 10


def test_a_check_that_is_stopped_is_done_by_the_next_start(path, monkeypatch, caplog):
    monkeypatch.setattr(health, "_STEPS_BETWEEN_LOOKS", 100)
    stop = threading.Event()
    fill(path)
    Store.open_durably(path, stop=stop, progress=stop.set).close()
    assert caplog.messages == []
    Store.open_durably(path).close()
    assert caplog.messages[0].startswith(CHECKED)
