"""A store notices that the file it has open is no longer the one at its name."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from example_rows import begin, frame

from edgecls.database.backup import back_up
from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import EdgeclsError, FileReplaced
from edgecls.results.active_learning.reviews import Reviews
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.slow


def keys(path):
    with closing(open_results(path)) as db:
        return {row["key"] for row in find_rows(db)}


@pytest.fixture
def durable(path):
    """A daemon's store with three rows, of which there is a backup, and a fourth."""
    with Store.open_durably(path) as store:
        begin(store)
        store.write_many([frame("1"), frame("2"), frame("3")])
        back_up(path, path.with_name("good.db"))
        store.write(frame("4"))
        yield store


def remove(path):
    path.unlink()


def rename(path):
    path.rename(path.with_name("old.db"))


def move_a_backup_there(path):
    path.with_name("good.db").rename(path)


def copy_a_backup_there(path):
    shutil.copyfile(path.with_name("good.db"), path)


def copy_a_backup_there_with_its_times(path):
    shutil.copy2(path.with_name("good.db"), path)


def write_rubbish_there(path):
    path.write_bytes(b"x" * 9000)


def empty_it(path):
    path.write_bytes(b"")


def remove_the_log(path):
    path.with_name("results.db-wal").unlink()


def remove_the_index_of_the_log(path):
    path.with_name("results.db-shm").unlink()


@pytest.mark.parametrize(
    "disturb",
    [
        remove, rename, move_a_backup_there, copy_a_backup_there, copy_a_backup_there_with_its_times,
        write_rubbish_there, empty_it, remove_the_log, remove_the_index_of_the_log,
    ],
    ids=lambda function: function.__name__,
)  # fmt: skip
def test_nothing_counts_as_written_once_the_file_is_not_at_its_name(durable, path, disturb):
    disturb(path)
    with pytest.raises(FileReplaced, match=r"results\.db (was removed|was replaced|was overwritten|lost its log)"):
        durable.write(frame("5"))
    with pytest.raises(FileReplaced):  # nor is a row known that nobody can look up
        durable.failed("folder", "4")
    with pytest.raises(FileReplaced):
        durable.check_place()


def test_the_folder_is_moved(tmp_path):
    (tmp_path / "data").mkdir()
    with Store.open_durably(tmp_path / "data" / "results.db") as store:
        begin(store)
        (tmp_path / "data").rename(tmp_path / "archive")
        with pytest.raises(FileReplaced, match="was removed or renamed"):
            store.write(frame("1"))
        store.close()
    assert keys(tmp_path / "archive" / "results.db") == set()


def test_a_link_that_leads_elsewhere_by_now(tmp_path):
    (tmp_path / "results.db").symlink_to("a.db")
    with Store.open_durably(tmp_path / "results.db") as store:
        begin(store)
        store.write(frame("1"))
        (tmp_path / "b.db").touch()
        (tmp_path / "new").symlink_to("b.db")
        (tmp_path / "new").rename(tmp_path / "results.db")
        with pytest.raises(FileReplaced, match="was replaced"):
            store.write(frame("2"))
        store.close()
    assert keys(tmp_path / "a.db") == {"1"}
    assert (tmp_path / "b.db").stat().st_size == 0


def test_rows_that_were_committed_in_a_renamed_file_are_all_in_it(durable, path, caplog):
    rename(path)
    durable.close()
    assert keys(path.with_name("old.db")) == {"1", "2", "3", "4"}
    assert sorted(file.name for file in path.parent.glob("results*")) == []
    assert "its rows are in " in caplog.text


def test_rows_of_a_removed_file_are_copied_before_it_is_gone(durable, path, caplog):
    for file in path.parent.glob("results.db*"):
        file.unlink()
    durable.close()
    (copy,) = path.parent.glob("results.db.removed-*")
    assert keys(copy) == {"1", "2", "3", "4"}
    assert f"its 4 rows are in {copy}" in caplog.text


def test_a_removed_file_that_finds_no_room_is_named_as_lost(durable, path, caplog):
    path.unlink()
    durable.database.conn.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK
    )
    durable.close()
    assert "its former rows are lost (" in caplog.text


@pytest.mark.parametrize("logs", ["stay", "go first"])
def test_closing_does_not_destroy_the_backup_that_was_copied_there(durable, path, logs):
    if logs == "go first":
        for suffix in ("-wal", "-shm"):
            path.with_name(f"results.db{suffix}").unlink()
    copy_a_backup_there(path)
    before = path.read_bytes()
    durable.close()
    assert path.read_bytes() == before
    assert keys(path) == {"1", "2", "3"}


def test_a_lost_log_is_in_the_file_after_closing(durable, path):
    remove_the_log(path)
    durable.close()
    assert keys(path) == {"1", "2", "3", "4"}


def test_what_other_processes_do_is_no_alarm(durable, path):
    """Reading, writing, writing the log back, a copy of the file put back as it was."""
    script = f"""
from contextlib import closing
from edgecls.database.opening import open_for_writing
from pathlib import Path
for _ in range(3):
    with closing(open_for_writing(Path({str(path)!r}))) as db:
        db.execute("UPDATE runs SET stop_reason = NULL")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    durable.write(frame("5"))
    assert keys(path) == {"1", "2", "3", "4", "5"}
    for n in range(20):
        durable.write_log_back()
        durable.write(frame(f"more {n}"))
    with Reviews(path) as reviews:
        reviews.put(1, "tabby")
    os.utime(path)
    durable.write(frame("6"))
    with Store(path) as other:
        begin(other)
        other.write(frame("7"))
    durable.check_place()
    assert len(keys(path)) == 27


@pytest.mark.parametrize("disturb", [remove, move_a_backup_there, copy_a_backup_there])
def test_one_that_is_no_daemon_notices_too(store, path, disturb):
    store.write(frame("1"))
    back_up(path, path.with_name("good.db"))
    disturb(path)
    with pytest.raises(EdgeclsError) as refused:
        store.write(frame("2"))
    assert isinstance(refused.value, FileReplaced)
    assert refused.value.exit_code == 74


@pytest.mark.parametrize("disturb", [remove, move_a_backup_there])
def test_reviews_notice_too(durable, path, disturb):
    with Reviews(path) as reviews:
        reviews.put(1, "tabby")
        disturb(path)
        with pytest.raises(FileReplaced):
            reviews.put(2, "tabby")
    with pytest.raises(FileReplaced):
        durable.check_place()
