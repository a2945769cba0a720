"""`edgecls merge`."""

import json

import pytest
import typer
from machines import Machine
from typer.testing import CliRunner

from edgecls.cli.merge import merge
from edgecls.database.store import Store
from edgecls.errors import UsageError

app = typer.Typer()
app.command()(merge)


@pytest.fixture
def folder(tmp_path):
    for name in ("porch", "gate"):
        machine = Machine(name)
        with Store(tmp_path / f"{name}.db", clock=machine.clock) as store:
            machine.begin(store)
            store.write(machine.frame("a\n.jpg"))
            store.write(machine.frame(f"{name}.jpg"))
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.chdir(folder)

    def run(*arguments, code=0):
        done = CliRunner().invoke(app, [*arguments, "--format", "jsonl"], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return run


def test_conflicts_are_named_and_the_exit_code_says_that_there_were_some(run):
    rows, said = run("all.db", "porch.db", "gate.db", "--device", "pi4=gate.db", code=1)
    assert [(row["file"], row["rows"], row["added"], row["conflicts"]) for row in rows] == [
        ("porch.db", 2, 2, 0), ("gate.db", 2, 1, 1),
    ]  # fmt: skip
    assert said.splitlines() == [
        "edgecls: gate.db: conflict: pi4:camera:0 a\\n.jpg: the row that was there is kept",
        "edgecls: gate.db: 1 of 2 rows conflict with rows that were there: if two devices have the same name, use --device NAME=FILE",
    ]


def test_a_device_gets_another_name(run):
    rows, said = run("all.db", "porch.db", "gate.db", "--device", "gate=gate.db")
    assert [row["conflicts"] for row in rows] == [0, 0]
    assert said == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "gate"], "invalid --device gate: write NAME=FILE, such as --device porch=porch.db"),
        (["--device", "=gate.db"], "invalid --device =gate.db: write NAME=FILE"),
        (["--device", "shed=shed.db"], "shed.db is not one of the databases to merge"),
        (["--device", "a=gate.db", "--device", "b=gate.db"], "two names for the device of gate.db"),
        (
            [],
            "gate.db is from a device named pi4, and so is another merged database: use --device pi4-2=gate.db",
        ),
    ],
)
def test_names_that_make_no_sense(run, options, message):
    with pytest.raises(UsageError, match=message):
        run("all.db", "porch.db", "gate.db", *options)
