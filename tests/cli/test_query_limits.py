"""Questions that take too long, go on for ever, or meet a file that cannot be asked."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from edgecls.database.health import set_aside
from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.results.queries.time_limit import TimeLimit

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "results.db"
    begin(path)
    return path


def begin(path):
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="cats", labels=["tabby"], metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("sql", [f"{ENDLESS} SELECT count(*) FROM n", f"{ENDLESS} SELECT i FROM n"])
def test_sql_without_an_end_is_stopped(edgecls, sql):
    done = edgecls("query", "--timeout", "0.2", "--format", "csv", "--sql", sql, code=75)
    assert (
        done.stderr
        == "edgecls: error: the query took longer than 0.2 s: narrow it down, or raise --timeout (0: no limit)\n"
    )


@contextmanager
def running(environment, folder, *arguments):
    command = [sys.executable, "-m", "edgecls", "query", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as child:
        try:
            yield child
        finally:
            child.kill()


INSERT = """
    INSERT INTO results (run_id, source, key, captured_at, classified_at, label, score, top_k)
    VALUES (1, 'folder', ?, '2026-11-24T12:00:00.000Z', '2026-11-24T12:00:00.000Z', 'tabby', 0.9, '[]')
"""


def write(database, key):
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute(INSERT, [key])


def test_follow_prints_rows_as_they_land_and_ends_with_ctrl_c(environment, database):
    write(database, "first")
    with running(environment, database.parent, "--follow", "--format", "csv", "--columns", "key") as child:
        assert child.stdout.readline() == "key\n"
        assert child.stdout.readline() == "first\n"
        write(database, "second")
        assert child.stdout.readline() == "second\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 0
        assert child.stderr.read() == ""


def test_follow_goes_on_with_the_database_that_takes_the_place_of_a_damaged_one(environment, database):
    write(database, "first")
    write(database, "second")
    with running(environment, database.parent, "--follow", "--format", "csv", "--columns", "key") as child:
        assert [child.stdout.readline() for _ in range(3)] == ["key\n", "first\n", "second\n"]
        set_aside(database)
        begin(database)
        write(database, "of the new one")
        assert child.stdout.readline() == "of the new one\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=30) == 0
        assert child.stderr.read() == ""


def test_follow_ends_when_nobody_reads(environment, database):
    write(database, "first")
    with running(environment, database.parent, "--follow", "--format", "jsonl") as child:
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(timeout=30) == 0


# What a callback raises is lost in SQLite; Datasette, where other tests of this process use it, has that reported.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_stops_a_long_query(database):
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with closing(open_results(database)) as db:
            limit = TimeLimit(db, 30)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt), limit.running():
                db.execute(f"{ENDLESS} SELECT count(*) FROM n").fetchone()
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("command", [["query"], ["stats"], ["export"]])
def test_files_that_cannot_be_asked(edgecls, database, tmp_path, command):
    (tmp_path / "text.db").write_text("x" * 2000)
    (tmp_path / "cut.db").write_bytes(database.read_bytes()[:9000])
    newer = tmp_path / "newer.db"
    newer.write_bytes(database.read_bytes())
    with closing(sqlite3.connect(newer)) as db, db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('edgecls', 'm999', '')")
    for name, said in (
        ("text.db", "is not a SQLite database"),
        ("cut.db", "is damaged"),
        ("newer.db", "newer edgecls"),
    ):
        done = edgecls(*command, "--db", name, code=65)
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    assert edgecls(*command, "--db", "none.db", code=66).stdout == ""


def test_a_reader_that_stays_does_not_stop_the_writer(database):
    with closing(sqlite3.connect(database)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM results").fetchone() == (0,)
        with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as writer:
            for n in range(50):
                writer.execute(INSERT, [str(n)])
        assert reader.execute("SELECT count(*) FROM results").fetchone() == (0,)
