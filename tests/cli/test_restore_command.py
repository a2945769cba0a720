"""`edgecls restore`, and what other commands say of a backup that was put in place by hand."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest
from pictures import picture


@pytest.fixture
def logged(edgecls, tmp_path, tiny_model):
    """A database with one row, a backup of it, and a second row since."""
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        (tmp_path / name).write_bytes(picture(colour))
        edgecls("classify", name, "-m", str(tiny_model.path), "--db", "results.db")
        if name == "a.png":
            said = edgecls("backup", "good.db").stderr
    return said


def paths(edgecls, *arguments):
    return edgecls("query", "--format", "csv", "--columns", "path", "--order", "oldest", *arguments).stdout.split()[1:]


def test_as_the_backup_says(edgecls, logged, tmp_path):
    assert logged == (
        "edgecls: good.db: 1 rows (to restore it, stop the daemon and run `edgecls restore good.db --db results.db`)\n"
    )
    command = shlex.split(logged.partition("`")[2].partition("`")[0])
    said = edgecls(*command[1:]).stderr
    (former,) = tmp_path.glob("results.db.before-restore-*")
    assert said.startswith("edgecls: results.db: 1 rows from good.db; the old database is now ")
    assert former.name in said
    assert [path.rpartition("/")[2] for path in paths(edgecls)] == ["a.png"]
    assert [path.rpartition("/")[2] for path in paths(edgecls, "--db", str(former))] == ["a.png", "b.png"]


@pytest.mark.usefixtures("logged")
def test_a_daemon_is_not_disturbed(edgecls, environment, tmp_path, tiny_model):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "edgecls.toml").write_text(
        f'model = "{tiny_model.path}"\ndatabase = "results.db"\n[source]\npath = "inbox"\n'
    )
    command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
    before = (tmp_path / "results.db").stat().st_ino
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert any("ready" in line for line in process.stderr)
            said = edgecls("restore", "good.db", code=74).stderr
            assert (
                "error: the database results.db is in use by a running edgecls: stop it with `sudo systemctl stop"
                in said
            )
            for path in tmp_path.glob("results.db*"):  # and its lock is not among these
                path.unlink()
            shutil.copyfile(tmp_path / "good.db", tmp_path / "results.db")
            assert "results.db is in use by a running edgecls" in edgecls("restore", "good.db", code=74).stderr
            config = (tmp_path / "edgecls.toml").read_text().replace("inbox", "other")
            (tmp_path / "other").mkdir()
            (tmp_path / "other.toml").write_text(config)
            assert "another edgecls run has the database" in edgecls("run", "--config", "other.toml", code=78).stderr
        finally:
            process.terminate()
        assert process.wait(60) == 0
    assert (tmp_path / "results.db").stat().st_ino != before
    edgecls("restore", "good.db")


@pytest.mark.usefixtures("logged")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.db"], 66, "cannot read none.db: no such file"),
        (["results.db"], 2, "results.db is the database itself: name a backup"),
        (["a.png"], 65, "a.png is not a SQLite database"),
        (["good.db", "--db", "none/results.db"], 66, "there is no folder"),
        ([], 2, "BACKUP"),
    ],
)
def test_bad_input(edgecls, arguments, code, message):
    assert message in edgecls("restore", *arguments, code=code).stderr


@pytest.mark.usefixtures("logged")
def test_a_backup_copied_beside_the_log_of_a_daemon_that_was_killed(edgecls, environment, tmp_path, tiny_model):
    (tmp_path / "inbox").mkdir()
    config = f'model = "{tiny_model.path}"\ndatabase = "results.db"\n[source]\npath = "inbox"\nsettle_seconds = 0.05\n'
    (tmp_path / "edgecls.toml").write_text(config)
    command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert any("ready" in line for line in process.stderr)
        process.kill()
    assert os.path.getsize(tmp_path / "results.db-wal")
    shutil.copyfile(tmp_path / "good.db", tmp_path / "results.db")
    for command in ("query", "stats", "export", "backup x.db", "merge y.db results.db", "clock", "clock --correct"):
        said = edgecls(*command.split(), code=65).stderr
        assert "results.db-wal is the log of another database: results.db was copied over" in said
    said = edgecls("run", "--config", "edgecls.toml", "--until-idle", "0.1").stderr
    assert "belongs to another database, and the file is sound without it" in said
    assert [path.rpartition("/")[2] for path in paths(edgecls)] == ["a.png"]
