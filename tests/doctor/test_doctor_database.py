import sqlite3
from contextlib import closing

import pytest
from machines import Machine

from edgecls.database.store import Store
from edgecls.doctor import database as module
from edgecls.doctor.check_result import Status
from edgecls.doctor.checks import run_checks
from edgecls.doctor.database import database
from edgecls.doctor.target import Target


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.db"


@pytest.fixture
def writing(path):
    """A daemon at work: its database is open, and its rows are in the log still."""
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        machine.begin(store)
        for n in range(300):
            store.write(machine.frame(f"frame {n}"))
        yield store


def execute(path, statement):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


def test_while_the_daemon_writes(writing, path):
    result = database(Target(database=path))
    assert result == (Status.ok, f"{path}: 300 rows so far, the newest of 1970-01-01T00:00:10.000Z; sound", "")
    writing.write(Machine().frame("and on it goes"))


def test_no_database_yet_and_none_is_made(path):
    assert database(Target(database=path)).status is Status.skipped
    assert not path.exists()


def test_without_a_row(path):
    Store(path).close()
    assert database(Target(database=path)).message == f"{path}: 0 rows so far, the newest of never; sound"


@pytest.mark.usefixtures("writing")
def test_a_check_that_would_keep_the_writer_waiting_is_ended(path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_S", 0.0)
    monkeypatch.setattr(module, "_STEPS_BETWEEN_LOOKS", 1)
    assert database(Target(database=path)).message.endswith("; sound as far as it was read in 0 s")


def found(path):
    return next(finding for finding in run_checks(Target(database=path)) if finding.check == "database")


@pytest.fixture
def only_the_database(monkeypatch):
    monkeypatch.setattr("edgecls.doctor.checks.CHECKS", {"database": "edgecls.doctor.database:database"})


@pytest.mark.usefixtures("only_the_database")
def test_pages_that_are_damaged(writing, path):
    writing.close()
    data = bytearray(path.read_bytes())
    data[-2 * 4096 : -4096] = b"\xa5" * 4096
    path.write_bytes(data)
    result = found(path)
    assert result.status is Status.failed
    assert "damaged" in result.message
    assert path.read_bytes() == bytes(data)


@pytest.mark.usefixtures("only_the_database")
@pytest.mark.parametrize("content", [b"\x89PNG" * 300, b"short"])
def test_what_is_no_database(path, content):
    path.write_bytes(content)
    result = found(path)
    assert (result.status, result.message) == (Status.failed, f"{path} is not a SQLite database")
    assert result.fix == "name one that edgecls wrote, or a new file"
