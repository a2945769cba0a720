"""A log beside a file that is not its own: of the database that was there before a backup took its name."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from example_rows import begin, frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecls.database.backup import back_up
from edgecls.database.generations import has_foreign_log
from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import BadDatabase
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.slow

KILLED = """
import os, sys
sys.path[:0] = {path!r}
from example_rows import begin, frame
from edgecls.database.store import Store
store = Store.open_durably({database!r})
begin(store)
for keys in {batches!r}:
    store.write_many([frame(key) for key in keys])
    store.write_log_back()
store.write_many([frame(key) for key in {last!r}])
os.kill(os.getpid(), 9)
"""


def killed(database, *batches, last=("last",)):
    """A daemon that wrote `batches`, each written back into the file, and `last`, when it was killed."""
    script = KILLED.format(path=sys.path, database=str(database), batches=batches, last=last)
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr


def keys(path):
    with closing(open_results(path)) as db:
        return {row["key"] for row in find_rows(db)}


def vacuum(path, out):
    with closing(sqlite3.connect(path)) as db:
        db.execute("VACUUM INTO ?", (str(out),))


def page_by_page(path, out):
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(out)) as copy:
        db.backup(copy)


def file_alone(path, out):
    shutil.copyfile(path, out)


@pytest.mark.parametrize("copy", [back_up, vacuum, page_by_page, file_alone], ids=lambda function: function.__name__)
def test_a_backup_copied_over_a_database_that_was_killed(path, tmp_path, copy, caplog):
    """As everybody restores one: `cp good.db results.db`, with the log of the former database beside it."""
    good = tmp_path / "good.db"
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("good"))
        store.write_log_back()
        copy(path, good)
        store.write(frame("later"))
    killed(path, ["more"])
    shutil.copyfile(good, path)
    before = path.read_bytes()
    with pytest.raises(BadDatabase, match=r"results\.db-wal is the log of another database .*`edgecls restore`"):
        open_results(path)
    with pytest.raises(BadDatabase, match=r"results\.db-wal is the log of another database"):
        Store(path)
    assert path.read_bytes() == before
    Store.open_durably(path).close()
    assert keys(path) == {"good"}
    assert "the log beside" in caplog.text
    assert "that of another database" in caplog.text
    assert len(list(tmp_path.glob("results.db.corrupt-*-wal"))) == 1


def test_the_log_of_a_killed_daemon_is_its_own(path, caplog):
    caplog.set_level(logging.WARNING)
    killed(path)
    killed(path, ["a"], ["b"], last=["c"])
    killed(path, last=["d"])
    Store.open_durably(path).close()
    assert keys(path) == {"last", "a", "b", "c", "d"}
    assert caplog.messages == []


def test_a_copy_with_its_log_is_whole(path, tmp_path):
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("a"))
        store.write_log_back()
        store.write(frame("b"))
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    assert keys(tmp_path / "copy.db") == {"a", "b"}


def test_a_log_that_was_written_back_half_is_its_own(path):
    """A reader keeps the end of the log from being written back, and SQLite from beginning another one."""
    with Store.open_durably(path) as store:
        begin(store)
        for n in range(5):
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM results").fetchone()
                store.write(frame(f"{n}"))
                assert not store.write_log_back()
                store.write(frame(f"{n} more"))
                assert not has_foreign_log(path)
            store.check_place()
            if n == 3:
                assert store.write_log_back()
        assert not has_foreign_log(path)
    assert len(keys(path)) == 10


def test_a_damaged_log_beside_a_sound_file(path, caplog):
    killed(path, ["a", "b"], last=["c"])
    log = path.with_name("results.db-wal")
    content = bytearray(log.read_bytes())
    alone = path.with_name("alone.db")
    shutil.copyfile(path, alone)
    with closing(sqlite3.connect(path)) as db:  # a log of the right generation whose pages make no sense
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET rootpage = 999 WHERE name = 'results'")
        db.commit()
        content = log.read_bytes()
    shutil.copyfile(alone, path)
    log.write_bytes(content)
    path.with_name("results.db-shm").unlink(missing_ok=True)
    Store.open_durably(path).close()
    assert keys(path) == {"a", "b"}
    assert "the file itself is sound" in caplog.text


def test_damage_beside_a_log_names_the_likely_cause(path):
    with Store.open_durably(path) as store:
        begin(store)
        store.write_many([frame(str(n)) for n in range(300)])
        store.write_log_back()
        with path.open("r+b") as file:  # the log fits, the pages of the file are others
            file.seek(4096)
            file.write(b"\xa5" * 4096 * 40)
        with pytest.raises(
            BadDatabase, match=r"is damaged: .*was a backup copied over .*results\.db-wal is the log of"
        ):
            keys(path)
        shutil.copyfile(path, path.with_name("alone.db"))
    with pytest.raises(BadDatabase) as refused:
        keys(path.with_name("alone.db"))
    assert "was a backup" not in str(refused.value)


def test_a_copy_of_a_new_database_without_its_log_says_what_is_missing(path, tmp_path):
    with Store(path) as store:
        begin(store)
        store.write_many([frame(str(n)) for n in range(400)])
        shutil.copyfile(path, tmp_path / "copy.db")
    with pytest.raises(BadDatabase, match=r"copy\.db has no rows: .*copy\.db-wal .*`edgecls backup`"):
        open_results(tmp_path / "copy.db")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), keep=st.integers(0, 200))
def test_any_bytes_as_a_log(tmp_path_factory, data, keep):
    folder = tmp_path_factory.getbasetemp()
    path, good = folder / "any.db", folder / "any.good"
    if not good.exists():
        killed(path)
        shutil.copyfile(f"{path}-wal", good)
    path.with_name("any.db-wal").write_bytes(good.read_bytes()[:keep] + data)
    assert has_foreign_log(path) in (True, False)


def test_no_file_at_all(tmp_path):
    assert not has_foreign_log(tmp_path / "results.db")
    os.mkdir(tmp_path / "results.db")
    assert not has_foreign_log(tmp_path / "results.db")
