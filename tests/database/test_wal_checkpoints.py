"""The log is written back into the file while there is time."""

import os
import shutil
import sqlite3
import time
from contextlib import closing

import pytest
from example_rows import begin, frame

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.database.wal_checkpoints import WalCheckpoints
from edgecls.errors import FileReplaced
from edgecls.results.queries.rows import find_rows


@pytest.fixture
def durable(path):
    with Store.open_durably(path) as store:
        begin(store)
        yield store


def rows_of_a_plain_copy(path):
    """What is in a copy of the file alone, as people make one."""
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    with closing(open_results(copy)) as db:
        rows = len(list(find_rows(db)))
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(f"copy.db{suffix}").unlink(missing_ok=True)
    return rows


def until_done(keeping, seconds=30):
    deadline = time.monotonic() + seconds
    while not keeping.catch_up(0):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_once_nothing_is_written_for_a_while_the_file_has_all_rows(durable, path):
    keeping = WalCheckpoints(durable, quiet=0.1)
    durable.write_many([frame(str(n)) for n in range(400)])
    until_done(keeping)
    assert rows_of_a_plain_copy(path) == 400
    assert path.with_name("results.db-wal").stat().st_size < 10_000


def test_while_rows_come_all_the_time_too(durable, path):
    keeping = WalCheckpoints(durable, quiet=3600, longest=0.3)
    for n in range(10_000):
        durable.write(frame(str(n)))
        if keeping.catch_up():
            break
    assert rows_of_a_plain_copy(path) == n + 1


def test_a_log_that_grows_is_written_back_at_once(durable, path):
    keeping = WalCheckpoints(durable, quiet=3600, longest=3600)
    durable.write_many([frame("x" * 300_000 + str(n)) for n in range(20)])
    assert keeping.catch_up()
    assert rows_of_a_plain_copy(path) == 20


def test_an_idle_one_asks_nothing_of_the_database(durable):
    keeping = WalCheckpoints(durable, quiet=0.05)
    durable.write(frame())
    until_done(keeping)
    statements = []
    durable.database.conn.set_trace_callback(statements.append)
    before = durable.log_state()
    for _ in range(100):
        assert not keeping.catch_up(0)
        time.sleep(0.001)
    assert statements == []
    assert durable.log_state() == before


def test_a_reader_is_not_waited_for(durable, path):
    keeping = WalCheckpoints(durable, quiet=0.01)
    durable.write(frame("1"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM results").fetchone() == (1,)
        durable.write(frame("2"))
        keeping.catch_up()
        time.sleep(0.05)
        begun = time.monotonic()
        assert not keeping.catch_up(0)
        assert time.monotonic() - begun < 5  # a busy timeout that was waited for would be tried for longer
        assert reader.execute("SELECT count(*) FROM results").fetchone() == (1,)
    assert durable.database.conn.execute("PRAGMA busy_timeout").fetchone() == (1000,)
    WalCheckpoints(durable, quiet=0.01).catch_up()
    until_done(WalCheckpoints(durable, quiet=0.01))
    assert rows_of_a_plain_copy(path) == 2


def test_another_writer_is_not_waited_for(durable, path):
    keeping = WalCheckpoints(durable, quiet=0.01)
    durable.write(frame("1"))
    keeping.catch_up()
    time.sleep(0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert keeping.catch_up(0) in (True, False)
        writer.execute("ROLLBACK")
    durable.write(frame("2"))


def test_a_file_that_is_gone_is_noticed_while_nothing_happens(durable, path):
    keeping = WalCheckpoints(durable)
    os.rename(path, path.with_name("old.db"))
    with pytest.raises(FileReplaced):
        keeping.catch_up(0)
