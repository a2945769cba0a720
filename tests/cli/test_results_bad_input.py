"""What goes wrong around the commands that read a database: streams, disks, locks, modes, Ctrl-C."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from pictures import encode, noise, picture

from edgecls.database.store import Store
from edgecls.device.runs import begin_run
from edgecls.inference.classifier import Classifier

IO = 74
BEGAN = datetime(2026, 11, 20, tzinfo=timezone.utc)
COMMANDS = {
    "query": "query --format jsonl",
    "stats": "stats --by day --format json",
    "export": "export",
    "harvest": "harvest --out todo --random-share 0.5",
    "drift": "drift --since 2026-11-22 --baseline-since 2026-11-20",
    "merge": "merge all.db results.db",
    "clock": "clock",
    "backup": "backup copy.db",
}


@pytest.fixture(scope="module")
def logged(tmp_path_factory, tiny_model):
    """A folder with a database of some days, and images of its rows."""
    folder = tmp_path_factory.mktemp("logged")
    classifier = Classifier(tiny_model.path)
    with Store(folder / "results.db") as store:
        begin_run(store, classifier.model, device="pi4", source="files", config={})
        for n in range(300):
            image = folder / f"{n % 12}.png"
            if n < 12:
                image.write_bytes(encode(noise(64, 64, n)))
            found = classifier.classify(image)
            store.write(replace(found, key=str(n), classified_at=BEGAN + timedelta(minutes=20 * n)))
        store.end_run("stopped")
    return folder


@pytest.fixture
def database(logged, tmp_path):
    return shutil.copy(logged / "results.db", tmp_path / "results.db")


def redirected(how):
    return ("sh", "-c", f'exec "$@" {how}', "sh")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("name", ["query", "stats", "harvest", "clock", "--version"])
def test_stdout_is_closed(edgecls, name):
    done = edgecls(*COMMANDS.get(name, name).split(), code=IO, prefix=redirected(">&-"))
    said = "edgecls: error: cannot write the output: stdout is closed: send it to a file, or to /dev/null"
    assert done.stderr.splitlines()[-1] == said


@pytest.mark.usefixtures("database")
def test_what_prints_nothing_needs_no_stream(edgecls, tmp_path):
    edgecls("export", "-o", "out.csv", prefix=redirected("<&- >&- 2>&-"))
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 301
    assert edgecls("query", "--limit", "1", prefix=redirected("2>&-")).stdout


@pytest.mark.parametrize("name", ["stats", "export", "harvest"])
def test_nobody_reads_the_output(environment, database, name):
    with subprocess.Popen(
        [sys.executable, "-m", "edgecls", *COMMANDS[name].split()], cwd=database.parent, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    ) as child:  # fmt: skip
        child.stdout.close()
        said = child.stderr.read()
        assert child.wait(timeout=60) == 0, said
    assert "error" not in said
    assert "Exception ignored" not in said


@pytest.mark.parametrize("name", ["query", "merge", "backup", "correct"])
def test_another_process_holds_the_database(edgecls, database, name):
    arguments = COMMANDS.get(name, "clock --run 1 --offset 1h").split()
    script = f"""
import sys
from edgecls.database import connection
connection.BUSY_TIMEOUT_S = 0.1
sys.argv[1:] = {arguments}
from edgecls.cli.main import main
main()
"""
    with closing(sqlite3.connect(database, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode=DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        done = edgecls(script=script, code=IO)
    assert "results.db: wait until it is done, or stop it" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("what", "name"),
    [("file", "query"), ("folder", "merge"), ("folder", "backup"), ("file", "correct"), ("folder", "correct")],
)
def test_read_only(edgecls, logged, tmp_path, unprivileged, what, name):
    folder = tmp_path / "theirs"
    folder.mkdir()
    file = shutil.copy(logged / "results.db", folder / "results.db")
    (folder if what == "folder" else file).chmod(0o555)
    environment = ("env", f"EDGECLS_DB={file}")
    command = COMMANDS.get(name, "clock --run 1 --offset 1h").replace(" results.db", f" {file}").split()
    done = edgecls(*command, code=IO if name == "correct" else 0, prefix=(*unprivileged, *environment))
    folder.chmod(0o755)
    if name == "correct":
        assert "is read-only: check owner, mode and mount, or name another file" in done.stderr
        assert done.stderr.count("\n") == 1


@pytest.fixture
def full_disk(tmp_path):
    """Mount a disk of that many kilobytes at `full`."""

    @contextmanager
    def full_disk(kilobytes):
        folder = tmp_path / "full"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a tmpfs here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)

    return full_disk


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    "arguments",
    [
        "export -o full/out",
        "export --format jsonl -o full/out",
        "export --format parquet -o full/out",
        "harvest --out full/out --random-share 0.5",
        "merge full/out results.db",
        "backup full/out",
    ],
)
def test_no_room_for_what_is_made(edgecls, full_disk, arguments):
    if "parquet" in arguments:
        pytest.importorskip("pyarrow")
    with full_disk(8) as folder:
        done = edgecls(*arguments.split(), code=IO)
        assert list(folder.iterdir()) == []
    assert "full/out" in done.stderr
    assert "free some space" in done.stderr
    assert done.stderr.count("error: ") == 1


@pytest.mark.parametrize("name", ["correct", "merge", "imported", "query"])
def test_no_room_beside_the_database(edgecls, logged, full_disk, name):
    arguments = {
        "query": COMMANDS["query"].split(),
        "correct": ["clock", "--run", "1", "--offset", "1h"],
        "merge": ["merge", "full/results.db", str(logged / "results.db")],
        "imported": ["harvest", "--import-labels", "todo"],
    }[name]
    if name == "imported":
        edgecls("harvest", "--out", "todo", "--db", str(logged / "results.db"))
    with full_disk(1024) as folder:
        shutil.copy(logged / "results.db", folder / "results.db")
        fill(folder)
        reads = name == "query"
        done = edgecls(*arguments, code=0 if reads else IO, prefix=("env", "EDGECLS_DB=full/results.db"))
        uri = f"{(folder / 'results.db').as_uri()}?immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM results").fetchone() == (300,)
    assert reads or "free some space" in done.stderr
    assert done.stderr.count("error: ") == (not reads)


def fill(folder):
    with open(folder / "ballast", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return


def test_ctrl_c_before_the_program_has_begun(edgecls):
    script = """
import builtins
imported = builtins.__import__
def interrupted(name, *rest, **named):
    if name == "edgecls.cli.main":
        raise KeyboardInterrupt
    return imported(name, *rest, **named)
builtins.__import__ = interrupted
from edgecls.__main__ import main
main()
"""
    assert edgecls(script=script, code=130).stderr == "edgecls: error: interrupted\n"


INTERRUPTED = {
    "query": "edgecls.results.queries.rows.RowQuery._row",
    "export -o out": "edgecls.results.queries.rows.RowQuery._row",
    "harvest --out out": "edgecls.results.active_learning.picking.Picker.pick",
    "merge out results.db": "edgecls.results.merge.merge_input.DatabaseMerger._add_reviews",
    "backup out": "edgecls.database.backup._verify",
    "stats": "edgecls.results.queries.stats._latencies",
    "drift --since 2026-11-22 --baseline-since 2026-11-20": "edgecls.results.drift.verdict._compare_answers",
    "clock --run 1 --offset 1h": "edgecls.database.clock.correction._time_range",
}


@pytest.mark.parametrize("arguments", INTERRUPTED)
def test_ctrl_c(edgecls, database, arguments):
    before = dump(database)
    script = f"""
import sys
from unittest import mock
sys.argv[1:] = {arguments.split()}
from edgecls.cli.main import main
with mock.patch({INTERRUPTED[arguments]!r}, side_effect=KeyboardInterrupt):
    main()
"""
    done = edgecls(script=script, code=130)
    assert done.stderr.splitlines()[-1] == "edgecls: error: interrupted"
    assert not [name for name in os.listdir(database.parent) if "out" in name]
    assert dump(database) == before


def dump(database):
    """All rows; the header of the file is another one when a writer has opened it."""
    with closing(sqlite3.connect(database)) as connection:
        return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("models", "runs", "results")]


def test_the_daemon_writes_while_its_rows_are_followed(service, environment, inbox, tmp_path):
    (inbox / "first.png").write_bytes(picture("red"))
    with service() as daemon:
        while not (tmp_path / "results.db").exists():
            assert daemon.poll() is None
        follow = ["query", "--follow", "--format", "csv", "--columns", "label"]
        with subprocess.Popen(
            [sys.executable, "-m", "edgecls", *follow], cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8",
        ) as child:  # fmt: skip
            try:
                assert [child.stdout.readline() for _ in range(2)] == ["label\n", "red\n"]
                (inbox / "second.png").write_bytes(picture("blue"))
                assert child.stdout.readline() == "blue\n"
                daemon.send_signal(signal.SIGTERM)
                assert daemon.wait(timeout=60) == 0
                child.send_signal(signal.SIGINT)
                assert child.wait(timeout=60) == 0
                assert child.stderr.read() == ""
            finally:
                child.kill()
