"""Copies of a database in use."""

import errno
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
from edgecls.errors import BadDatabase, InputNotFound, IoFailed, UsageError
from edgecls.results.queries.rows import find_rows


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "copy.db"


def keys(path):
    with closing(open_results(path)) as db:
        return {row["key"] for row in find_rows(db)}


def test_a_copy_is_a_database_of_its_own(store, path, out):
    for n in range(20):
        store.write(frame(str(n)))
    assert back_up(path, out) == 20
    store.write(frame("later"))
    assert keys(out) == {str(n) for n in range(20)}
    assert [file.name for file in out.parent.iterdir()] == ["copy.db"]
    assert out.stat().st_mode & 0o777 == 0o644
    with Store(out) as opened:  # and can take the place of the first
        begin(opened)
        opened.write(frame("later"))


def test_a_copy_opens_on_a_medium_that_cannot_be_written(store, path, out):
    store.write(frame())
    back_up(path, out)
    with closing(sqlite3.connect(f"file:{out}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_while_another_process_writes(path, out):
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
from example_rows import begin, frame
from edgecls.database.store import Store
store = Store({str(path)!r})
begin(store)
n = 0
while True:
    store.write(frame(str(n)))
    n += 1
    if n == 100:
        print("started", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        writer.stdout.readline()
        copies = [back_up(path, out.with_name(f"{n}.db")) for n in range(5)]
        writer.kill()
    for n, rows in enumerate(copies):
        assert keys(out.with_name(f"{n}.db")) == {str(key) for key in range(rows)}
    assert copies == sorted(copies)
    assert copies[0] >= 100


def test_what_is_there_stays_unless_told(store, path, out):
    out.write_text("precious")
    with pytest.raises(UsageError, match=r"is there already: name another file, or let --force replace it"):
        back_up(path, out)
    assert out.read_text() == "precious"
    store.write(frame())
    assert back_up(path, out, force=True) == 1
    assert keys(out) == {"a.jpg"}


@pytest.mark.usefixtures("store")
def test_a_name_that_is_taken_meanwhile(path, out, monkeypatch):
    taken = os.link

    def meanwhile(*names):
        out.write_text("precious")
        taken(*names)

    monkeypatch.setattr(os, "link", meanwhile)
    with pytest.raises(UsageError, match="is there already"):
        back_up(path, out)
    assert out.read_text() == "precious"
    assert [file.name for file in out.parent.iterdir()] == ["copy.db"]


@pytest.mark.usefixtures("store")
def test_a_file_system_without_links(path, out, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    back_up(path, out)
    assert [file.name for file in out.parent.iterdir()] == ["copy.db"]


@pytest.mark.usefixtures("store")
def test_the_database_does_not_replace_itself(path, tmp_path):
    (tmp_path / "link.db").symlink_to(path)
    for out in (path, tmp_path / "link.db"):
        with pytest.raises(UsageError, match="is the database itself"):
            back_up(path, out, force=True)


@pytest.mark.usefixtures("store")
def test_a_database_in_use_is_not_replaced(path, out):
    with Store(out) as other:
        begin(other)
        with pytest.raises(UsageError, match="is open in another process"):
            back_up(path, out, force=True)
    assert back_up(path, out, force=True) == 0


@pytest.mark.usefixtures("store")
def test_places_that_cannot_be_written(path, tmp_path):
    with pytest.raises(InputNotFound, match="does not exist: create it first"):
        back_up(path, tmp_path / "missing" / "copy.db")
    with pytest.raises(IoFailed, match="it is a folder: name a file"):
        back_up(path, tmp_path, force=True)


def test_nothing_to_copy(path, out):
    with pytest.raises(InputNotFound):
        back_up(path, out)
    path.write_text("x" * 1000)
    with pytest.raises(BadDatabase, match=r"results\.db is not a SQLite database"):
        back_up(path, out)
    assert list(out.parent.iterdir()) == []


def test_a_damaged_database_gives_no_copy(store, path, out):
    for n in range(300):
        store.write(frame(str(n)))
    store.close()
    with path.open("r+b") as file:
        file.seek(25 * 4096)
        file.write(b"\xa5" * 4096)
    with pytest.raises(BadDatabase, match=r"results\.db is damaged"):
        back_up(path, out)
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_keeps_nothing_half_written(store, path, small_disk):
    with store.database.atomic():
        for n in range(2000):
            store.write(frame(str(n)))
    with pytest.raises(IoFailed, match=r"copy\.db.*disk is full") as refused:
        back_up(path, small_disk / "copy.db")
    assert refused.value.exit_code == 74
    assert list(small_disk.iterdir()) == []


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="no sqlite3 shell")
def test_the_sqlite3_shell_reads_a_copy(store, path, out):
    store.write(frame())
    back_up(path, out)
    said = subprocess.run(["sqlite3", out, "SELECT key FROM results"], capture_output=True, text=True, check=True)
    assert said.stdout == "a.jpg\n"
