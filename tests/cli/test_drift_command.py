"""`edgecls drift`."""

import json

import pytest
import typer
from machines import Machine
from typer.testing import CliRunner

from edgecls.cli.drift import drift
from edgecls.database.store import Store
from edgecls.errors import UsageError

app = typer.Typer()
app.command()(drift)
BEGAN = 1_795_521_600.0  # 2026-11-24T12:00Z
VALIDATION = {"n": 300, "labels": {"tabby": 200, "lynx": 100}, "scores": [0] * 9 + [300]}


@pytest.fixture
def run(tmp_path):
    machine = Machine(lead=BEGAN)
    machine.up = 0.0
    with Store(tmp_path / "results.db", clock=machine.clock) as store:
        machine.begin(store, metrics={"validation": VALIDATION})
        for n in range(600):
            machine.up = n * 480.0  # three days and eight hours
            label = ("tabby", "tabby", "lynx\x1b")[n % 3]
            store.write(machine.frame(str(n), label=label, score=0.95 if n < 300 else 0.35))

    def run(*options, code=0):
        arguments = [*options, "--db", str(tmp_path / "results.db")]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_the_verdict_is_the_first_line_and_the_exit_code(run):
    lines = run("--since", "2026-11-26T00:00Z", "--only", "scores", code=1).splitlines()
    assert lines[0] == "drift of scores (cats, 330 rows against 300 of the validation images)"
    assert lines[2].startswith("scores: stability index ")
    assert "p 0.0001 (330 rows worth " in lines[2]
    assert ["0.3-0.4", "0.909", "0.000"] in [line.split()[:3] for line in lines]
    periods = ("--since", "2026-11-24T12:00Z", "--until", "2026-11-25T12:00Z", "--only", "scores")
    assert run(*periods).startswith("no drift (cats, 180 rows")


def test_another_period_as_baseline(run):
    options = ("--since", "2026-11-26T04:00Z", "--baseline-since", "2026-11-24", "--format", "json")
    said = json.loads(run(*options, code=1))
    assert (said["verdict"], said["drifted"], said["rows"], said["baseline_rows"]) == ("drift", ["scores"], 300, 300)
    assert said["baseline"]["until"] == "2026-11-26T04:00:00.000Z"


def test_labels_are_safe_to_look_at(run):
    assert "lynx\\x1b" in run("--only", "labels", "--since", "2026-11-24", code=1)


def test_too_few_rows_are_no_alarm(run):
    assert run("--since", "2026-11-27T16:00Z").startswith("too few rows: the period has 30 rows with an answer, 100")


def test_periods_that_make_no_sense(run):
    with pytest.raises(UsageError, match="--since is not before --until"):
        run("--since", "2026-11-25", "--until", "2026-11-24")
    with pytest.raises(UsageError, match="--baseline-since is not before --baseline-until"):
        run("--since", "2026-11-25", "--baseline-since", "2026-11-26")
