"""`edgecls clock`."""

import json
from datetime import timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from machines import Machine
from typer.testing import CliRunner

from edgecls.cli.clock import _format_duration, clock, parse_offset
from edgecls.database.store import Store
from edgecls.errors import InputNotFound, UsageError

app = typer.Typer()
app.command()(clock)
YEARS = 1_795_521_600.0  # 2026-11-24T12:00Z


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "results.db"
    machine = Machine("0f8a51c0-7d1e")
    with Store(path, clock=machine.clock) as store:
        for n in range(3):
            machine.begin(store)
            machine.up += 10
            store.write(machine.frame(f"early {n}"))
        machine.lead = YEARS
        store.write(machine.frame("right"))
        store.end_run("done")
    machine = Machine("77c4")
    with Store(path, clock=machine.clock) as store:
        machine.begin(store)
        store.write(machine.frame("never"))
        store.end_run("done")
    return path


@pytest.fixture
def run(path):
    def run(*options, output_format="json"):
        arguments = [*options, "--db", str(path), "--format", output_format]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if output_format == "json" else done.stdout

    return run


def test_the_list(run):
    lines = run(output_format="table").splitlines()
    assert [line.split()[:4] for line in lines[2:]] == [
        ["pi4", "0f8a51c0", "1-3", "3"], ["pi4", "0f8a51c0", "4", "1"], ["pi4", "77c4", "5", "1"],
    ]  # fmt: skip
    assert lines[2].split()[6] == "20781d12h"
    states = ["suspect: run with --correct", "", "suspect: the clock was never set"]
    assert [row["state"] for row in run()] == states
    assert [row["error_s"] for row in run()] == [YEARS, 0, 0]


def test_what_is_known_is_corrected(run):
    rows = run("--correct")
    assert [(row["runs"], row["state"], row["error_s"]) for row in rows] == [
        ("1-3", "corrected by 20781d12h", 0), ("4", "", 0), ("5", "suspect: the clock was never set", 0),
    ]  # fmt: skip
    assert rows[0]["first"] == "2026-11-24T12:00:20.000Z"
    assert run("--correct") == rows


def test_what_the_user_knows_is_corrected(run):
    assert run("--run", "5", "--set-start", "2026-11-25T08:00:00Z")[-1]["first"] == "2026-11-25T08:00:00.000Z"
    assert run("--run", "5", "--offset", "-1h")[-1]["first"] == "2026-11-25T07:00:00.000Z"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--run", "5"], "--run needs either --offset"),
        (["--run", "5", "--offset", "1h", "--set-start", "2026-01-01"], "--run needs either --offset"),
        (["--offset", "1h"], "need --run ID"),
        (["--correct", "--run", "5"], "cannot be combined"),
        (["--run", "9", "--offset", "1h"], "unknown run 9"),
        (["--run", "5", "--offset", "soon"], "invalid --offset soon: write a duration such as 3d4h"),
        (["--run", "5", "--set-start", "soon"], "invalid time"),
    ],
)
def test_what_makes_no_sense(run, options, message):
    with pytest.raises(UsageError, match=message):
        run(*options)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(InputNotFound):
        CliRunner().invoke(app, ["--correct", "--db", str(tmp_path / "none.db")], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("3d4h", timedelta(days=3, hours=4)), ("-2h30m", -timedelta(hours=2, minutes=30)), ("90s", timedelta(seconds=90)),
        ("+1.5s", timedelta(seconds=1.5)),
    ],
)  # fmt: skip
def test_lengths_of_time(text, length):
    assert parse_offset(text) == length


@pytest.mark.parametrize("text", ["", "-", "3", "4h3d", "1h-2m", "٣d", "9" * 400 + "d", "nand"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(UsageError, match="write a duration such as 3d4h, -2h30m or 90s"):
        parse_offset(text)


@given(st.integers(-(10**9), 10**9).filter(bool))
def test_a_length_that_is_shown_can_be_given(seconds):
    assert parse_offset(_format_duration(seconds)) == timedelta(seconds=seconds)
