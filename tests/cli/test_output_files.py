"""Where commands write to: devices, pipes, links, and files that they read."""

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timezone
from importlib.util import find_spec

import pytest

from edgecls.database.store import Store
from edgecls.records import Classification

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "results.db"
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="cats", labels=["tabby"], metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        for n in range(20):
            store.write(Classification("folder", str(n), f"{n}.jpg", NOON, NOON, "tabby", 0.9, (), 2.0, 12.0, None))
    return path


def shell(environment, tmp_path, line):
    program = f'edgecls() {{ "{sys.executable}" -m edgecls "$@"; }}\n'
    return subprocess.run(
        ["bash", "-ec", program + line], env=environment, cwd=tmp_path, capture_output=True, check=True, timeout=300
    )


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return db.execute("SELECT count(*) FROM results").fetchone()[0]


@pytest.mark.usefixtures("database")
def test_an_export_to_stdout_by_its_name(environment, tmp_path):
    plain = shell(environment, tmp_path, "edgecls export").stdout
    assert plain.count(b"\n") == 21
    for line in (
        "edgecls export -o /dev/stdout",
        "edgecls export -o /dev/stdout | cat",
        "edgecls export -o /dev/fd/3 3>&1",
        "edgecls export -o /dev/stdout > f; cat f",
        "edgecls export -o >(cat > g); sleep 0; while ! cmp -s f g; do sleep 0.1; done; cat g",
        "mkfifo p; cat p & edgecls export -o p; wait; test -p p",
    ):
        assert shell(environment, tmp_path, line).stdout == plain, line
    appended = shell(environment, tmp_path, "echo head > h; edgecls export -o /dev/stdout >> h; echo tail >> h; cat h")
    assert appended.stdout == b"head\n" + plain + b"tail\n"
    shell(environment, tmp_path, "edgecls export -o /dev/stdout | head -c 10")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "line", ["mkfifo p; (head -c 1 p) & edgecls backup p 2> error", "edgecls backup /dev/stdout 2> error | head -c 1"]
)
def test_a_backup_whose_reader_goes_away_before_the_end_has_failed(environment, tmp_path, line):
    shell(environment, tmp_path, f"set +e; {line}; echo ${{PIPESTATUS[0]}} > code")
    assert (tmp_path / "code").read_text() == "74\n"
    assert "its reader has closed it: write to a file" in (tmp_path / "error").read_text()


@pytest.mark.usefixtures("database")
def test_a_backup_to_stdout_is_a_database(environment, tmp_path):
    shell(environment, tmp_path, "edgecls backup /dev/stdout | cat > copy.db; edgecls backup /dev/stdout > other.db")
    assert rows(tmp_path / "copy.db") == rows(tmp_path / "other.db") == 20


@pytest.mark.usefixtures("database")
@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_a_parquet_file_to_stdout_is_whole(environment, tmp_path):
    shell(environment, tmp_path, "edgecls export --format parquet -o /dev/stdout | cat > rows.parquet")
    assert (tmp_path / "rows.parquet").read_bytes()[-4:] == b"PAR1"


def test_a_backup_by_a_link(edgecls, database, tmp_path):
    (tmp_path / "usb").mkdir()
    (tmp_path / "backup.db").symlink_to("usb/results.db")
    edgecls("backup", "backup.db")
    assert rows(tmp_path / "usb" / "results.db") == 20
    (tmp_path / "usb" / "results.db").chmod(0o600)
    edgecls("backup", "backup.db", code=2)
    edgecls("backup", "backup.db", "--force")
    assert (tmp_path / "backup.db").is_symlink()
    assert stat.S_IMODE((tmp_path / "usb" / "results.db").stat().st_mode) == 0o600
    edgecls("merge", "all.db", database)
    os.remove(tmp_path / "usb" / "results.db")
    edgecls("merge", "backup.db", database)
    assert rows(tmp_path / "usb" / "results.db") == rows(tmp_path / "all.db") == 20


def test_what_is_read_is_not_replaced(edgecls, database, tmp_path):
    (tmp_path / "link.csv").symlink_to(database)
    with closing(sqlite3.connect(database)) as db:
        db.execute("SELECT count(*) FROM results").fetchone()  # so that the log is there
        for arguments in (
            ["export", "-o", "results.db"],
            ["export", "-o", "link.csv"],
            ["export", "-o", "results.db-wal"],
            ["backup", "results.db", "--force"],
            ["backup", "results.db-wal", "--force"],
        ):
            before = sorted(os.listdir(tmp_path))
            error = edgecls(*arguments, code=2).stderr
            assert "results.db" in error
            assert "name another file" in error
            assert sorted(os.listdir(tmp_path)) == before
    assert rows(database) == 20


def test_no_database_is_merged_into_a_pipe(edgecls, database):
    error = edgecls("merge", "/dev/stdout", database, code=2).stderr
    assert (
        error == "edgecls: error: /dev/stdout is a device or a pipe, but a database must be a file: use another path\n"
    )
