"""A backup takes the place of a database, which is kept."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from example_rows import begin, frame

from edgecls.database.backup import back_up
from edgecls.database.reading import open_results
from edgecls.database.restore import restore
from edgecls.database.store import Store
from edgecls.errors import BadDatabase, InputNotFound, UsageError
from edgecls.results.queries.rows import find_rows


def keys(path):
    with closing(open_results(path)) as db:
        return {row["key"] for row in find_rows(db)}


@pytest.fixture
def backup(path, tmp_path):
    with Store(path) as store:
        begin(store)
        store.write(frame("good"))
        back_up(path, tmp_path / "good.db")
        store.write(frame("later"))
    return tmp_path / "good.db"


def test_the_former_database_is_kept(path, backup):
    path.chmod(0o640)
    rows, former = restore(backup, path)
    assert rows == 1
    assert keys(path) == {"good"}
    assert keys(former) == {"good", "later"}
    assert former.name.startswith("results.db.before-restore-")
    assert path.stat().st_mode & 0o777 == 0o640
    assert keys(backup) == {"good"}
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("next"))
    assert keys(path) == {"good", "next"}


def test_the_log_of_the_former_database_goes_with_it(path, backup, tmp_path):
    """As a killed daemon leaves it: without its log, the former database would lack its newest rows."""
    live = tmp_path / "live.db"
    with Store.open_durably(live) as store:
        begin(store)
        store.write_log_back()
        store.write(frame("in the log"))
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", f"{path}{suffix}")
    _, former = restore(backup, path)
    assert keys(path) == {"good"}
    assert keys(former) == {"in the log"}


def test_a_backup_that_was_copied_with_its_log(path, backup, tmp_path):
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("in the log"))
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{tmp_path}/copy.db{suffix}")
    del backup
    restore(tmp_path / "copy.db", path)
    assert keys(path) == {"good", "later", "in the log"}


def test_where_no_database_is(backup, tmp_path):
    assert restore(backup, tmp_path / "new.db") == (1, None)
    assert keys(tmp_path / "new.db") == {"good"}
    with pytest.raises(InputNotFound, match="does not exist: create it first"):
        restore(backup, tmp_path / "missing" / "new.db")


@pytest.mark.parametrize("state", ["damaged", "empty", "no database", "a log alone"])
def test_whatever_is_there_is_replaced_and_kept(path, backup, state):
    content = {"damaged": path.read_bytes()[:6000], "empty": b"", "no database": b"x" * 5000, "a log alone": None}[
        state
    ]
    path.unlink()
    if content is None:
        path.with_name("results.db-wal").write_bytes(b"log")
    else:
        path.write_bytes(content)
    _, former = restore(backup, path)
    assert keys(path) == {"good"}
    if content is None:
        assert former.with_name(f"{former.name}-wal").read_bytes() == b"log"
    else:
        assert former.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"x" * 5000, None], ids=["empty", "rubbish", "half"])
def test_what_is_no_backup_changes_nothing(path, backup, content):
    backup.write_bytes(backup.read_bytes()[:20000] if content is None else content)
    before = path.read_bytes()
    with pytest.raises(BadDatabase):
        restore(backup, path)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["good.db", "results.db"]


def test_the_database_is_not_its_own_backup(path, backup):
    link = backup.with_name("link.db")
    link.symlink_to(path)
    for name in (path, link):
        with pytest.raises(UsageError, match="is the database itself"):
            restore(name, path)
    with pytest.raises(InputNotFound):
        restore(backup.with_name("none.db"), path)


def test_through_a_link_and_without_hard_links(path, backup, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    (path.parent / "links").mkdir()
    link = path.parent / "links" / "results.db"
    link.symlink_to(path)
    restore(backup, link)
    assert link.is_symlink()
    assert keys(path) == {"good"}


def test_a_full_disk_leaves_the_former_database(backup, small_disk):
    database = small_disk / "results.db"
    with closing(sqlite3.connect(backup)) as db:
        db.execute("CREATE TABLE filling AS SELECT zeroblob(2000000)")
        db.commit()
    with Store(database) as store:
        begin(store)
        store.write(frame("here"))
    from edgecls.errors import IoFailed

    with pytest.raises(IoFailed, match="disk is full"):
        restore(backup, database)
    assert keys(database) == {"here"}
