"""Uploads as they come, through the real daemon: broken off and resumed, repeated, of kinds that nobody can read."""

import shutil
import subprocess
import sys
from contextlib import closing

import pytest
from pictures import picture

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x10meta\0\0\0\0\0\0\0\0" + b"\0\0\0\x10mdat12345678"


@pytest.fixture
def daemon(environment, inbox, tmp_path):
    """Start it with a line more in [source]; it is killed at the end."""
    started = []

    def daemon(line):
        config = tmp_path / "edgecls.toml"
        config.write_text(f"{config.read_text()}{line}\n")
        command = [sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml"]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, encoding="utf-8")
        started.append(process)
        assert any("ready" in text for text in process.stderr)
        return inbox

    yield daemon
    for process in started:
        process.kill()
        process.communicate()


def rows(folder):
    if not (folder / "results.db").exists():
        return []
    with closing(open_results(folder / "results.db")) as db:
        return sorted((row["key"].partition("#")[0], row["label"]) for row in find_rows(db))


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_an_upload_that_breaks_off_and_is_resumed_is_one_row(daemon, tmp_path, until, after):
    inbox = daemon(f'after = "{after}"')
    data = picture("blue")
    (inbox / "a.png").write_bytes(data[: len(data) // 2])
    (inbox / "b.png").write_bytes(picture("red"))
    until(lambda: rows(tmp_path) == [("b.png", "red")])
    with (inbox / "a.png").open("ab") as file:
        file.write(data[len(data) // 2 :])
    until(lambda: rows(tmp_path) == [("a.png", "blue"), ("b.png", "red")])


@pytest.mark.parametrize("after", ["move", "delete"])
def test_a_frozen_picture_has_a_row_each_time_and_does_not_pile_up(daemon, tmp_path, until, after):
    inbox = daemon(f'after = "{after}"')
    (tmp_path / "frozen.png").write_bytes(picture("green"))
    for n in range(1, 8):
        shutil.copy2(tmp_path / "frozen.png", tmp_path / "part")
        (tmp_path / "part").rename(inbox / "cam.png")
        until(lambda n=n: len(rows(tmp_path)) == n and not (inbox / "cam.png").exists())
    left = [str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file()]
    assert left == (["done/cam.png"] if after == "move" else [])


def test_delete_keeps_whatever_could_not_be_classified(daemon, tmp_path, until):
    inbox = daemon('after = "delete"\nincomplete_seconds = 0.5')
    contents = {
        "photo.heic": HEIC,
        "cut.png": picture("red")[:-20],
        "page.jpg": b"<html>not found</html>",
        "none.jpg": b"",
    }
    for name, content in contents.items():
        (inbox / name).write_bytes(content)
    (inbox / "good.png").write_bytes(picture("red"))
    expected = [("cut.png", None), ("good.png", "red"), ("none.jpg", None), ("page.jpg", None), ("photo.heic", None)]
    until(lambda: rows(tmp_path) == expected)
    until(lambda: len(list((inbox / "failed").glob("*"))) == len(contents))
    assert {path.name: path.read_bytes() for path in (inbox / "failed").iterdir()} == contents
