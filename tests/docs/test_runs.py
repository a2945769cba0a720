"""The commands of the README and the how-to guides run on a database, a model and images of the names that they use."""

import glob
import shlex

import pytest
from example_rows import begin, frame
from pages import DOCS, blocks, consoles
from paths import ROOT
from pictures import encode, noise, picture
from typer.testing import CliRunner

from edgecls.cli.main import program
from edgecls.database.store import Store

PAGES = [ROOT / "README.md", DOCS / "how-to" / "query.md", DOCS / "reference" / "database.md", DOCS / "tutorial.md"]
RUN = ("query", "stats", "export", "backup", "classify", "inspect")
"""Commands that end by themselves, within a moment, and need no extra."""
NOT_HERE = ("--follow", ".parquet")


@pytest.fixture
def folder(tiny_model, tmp_path, monkeypatch):
    """Change to a folder with the files that the pages name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "birds.tflite").write_bytes(tiny_model.path.read_bytes())
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "1.jpg").write_bytes(picture("red", ".jpg"))
    (tmp_path / "garden" / "2.jpg").write_bytes(encode(noise(40, 30), ".jpg"))
    (tmp_path / "demo").mkdir()
    for path in (tmp_path / "results.db", tmp_path / "demo" / "results.db"):
        with Store(path) as store:
            begin(store, device="gate", labels=["robin", "defective", "functional"])
            for number, label in enumerate(("robin", "defective", "functional", "unknown")):
                store.write(frame(f"{number}.jpg", minutes=number, label=label))


def shown():
    """Return (page, arguments) of the commands in console and sh blocks that can be run here."""
    commands = []
    for page in PAGES:
        lines = [command for command, _ in consoles(page)]
        for block in blocks(page, "sh"):
            lines += block.replace("\\\n", " ").splitlines()
        for line in lines:
            words = shlex.split(line.replace("\\$", "$"), comments=True)  # as in double quotes
            if words[:1] == ["edgecls"] and words[1] in RUN and not any(each in line for each in NOT_HERE):
                commands.append((page.name, words[1:]))
    return commands


@pytest.mark.usefixtures("folder")
def test_each_command_runs():
    commands = shown()
    assert len(commands) > 12
    for page, words in commands:
        arguments = [match for word in words for match in (sorted(glob.glob(word)) or [word])]
        done = CliRunner().invoke(program(), arguments)
        assert done.exit_code == 0, f"{page}: edgecls {shlex.join(words)}: {done.output}{done.exception!r}"
