import csv
import io
import json
import time
from datetime import datetime, timedelta, timezone

import pytest
import typer
from typer.testing import CliRunner

from edgecls.cli.query import query
from edgecls.cli.stats import stats
from edgecls.cli.times import parse_time
from edgecls.database.store import Store
from edgecls.errors import BadDatabase, InputNotFound, UsageError
from edgecls.records import Classification, Prediction

app = typer.Typer()
app.command()(query)
app.command()(stats)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "results.db"
    noon = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="cats", labels=["007", "猫"], metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        for minute, (label, score, error) in enumerate([("007", 0.9, None), ("猫", 0.7, None), (None, None, "torn")]):
            top_k = (Prediction(label, score),) if label else ()
            times = (noon, noon + timedelta(minutes=minute))
            shown = f"in/{minute}\n.jpg"
            store.write(Classification("folder", str(minute), shown, *times, label, score, top_k, 2.0, 12.0, error))
    return path


@pytest.fixture
def run(path):
    """Run a command on the database; errors come out as they were raised."""

    def run(command, *options):
        done = CliRunner().invoke(app, [command, *options], env={"EDGECLS_DB": str(path)}, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.mark.usefixtures("tokyo")
def test_the_table_fits_a_terminal(run):
    lines = [line.split() for line in run("query").splitlines()]
    assert lines[0] == ["classified_at", "label", "score", "path", "error"]
    assert lines[2:] == [
        ["2026-11-24T21:02:00+09:00", "in/2\\n.jpg", "torn"],
        ["2026-11-24T21:01:00+09:00", "猫", "0.700", "in/1\\n.jpg"],
        ["2026-11-24T21:00:00+09:00", "007", "0.900", "in/0\\n.jpg"],
    ]


def test_json_has_everything(run):
    rows = json.loads(run("query", "--format", "json"))
    assert [row["label"] for row in rows] == [None, "猫", "007"]
    assert list(rows[0]) == [
        "id", "run_id", "model", "device", "source", "key", "path", "captured_at", "classified_at", "label", "score", "top_k",
        "decode_ms", "infer_ms", "error", "votes", "clock",
    ]  # fmt: skip
    assert rows[1]["top_k"] == [{"label": "猫", "score": 0.7}]


def test_json_lines_and_csv_agree(run):
    lines = [json.loads(line) for line in run("query", "--format", "jsonl").splitlines()]
    table = list(csv.DictReader(io.StringIO(run("query", "--format", "csv"), newline="")))
    assert [row["path"] for row in table] == [row["path"] for row in lines]
    assert [json.loads(row["top_k"]) for row in table] == [row["top_k"] for row in lines]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--label", "007"], "0"),
        (["--label", "007", "--label", "猫"], "10"),
        (["--min-score", "0.8"], "0"),
        (["--errors"], "2"),
        (["--limit", "1"], "2"),
        (["--since", "2026-11-24T12:01:00Z"], "21"),
        (["--until", "2026-11-24T14:01+02:00"], "0"),
        (["--since", "2026-11-25T12:00:00Z"], ""),
        (["--device", "pi4", "--model", "abab", "--run", "1", "--label", "007"], "0"),
        (["--order", "-score"], "012"),
        (["--order", "score"], "102"),
        (["--order", "oldest"], "012"),
        (["--search", "TORN"], "2"),
        (["--search", "in jp*"], "210"),
        (["--threshold", "0.8", "--unknown"], "1"),
        (["--threshold", "0.8", "--label", "007"], "0"),
    ],
)
def test_filters(run, options, keys):
    rows = json.loads(run("query", *options, "--format", "json"))
    assert "".join(row["key"] for row in rows) == keys


def test_a_label_is_found_however_it_is_typed(run, path):
    with Store(path) as store:
        labels = ["Größe", "größe", "Wren"]
        store.begin_run(
            sha256="cd" * 32, model_name="birds", labels=labels, metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        for label in labels:
            now = datetime.now(timezone.utc)
            store.write(Classification("folder", label, None, now, now, label, 0.9, (), 2.0, 12.0))
    for typed, keys in (("wren", {"Wren"}), ("GRO\u0308ßE", {"Größe", "größe"}), (" wr\u200ben\u00a0", {"Wren"})):
        rows = json.loads(run("query", "--label", typed, "--format", "json"))
        assert {row["key"] for row in rows} == keys
        assert json.loads(run("stats", "--label", typed, "--format", "json"))["rows"] == len(keys)
    assert json.loads(run("query", "--label", "Unknown", "--format", "json")) == []


def test_sql(run):
    picked = run("query", "--sql", "SELECT label, score FROM results WHERE score > 0.8", "--format", "csv")
    assert picked.splitlines() == ["label,score", "007,0.9"]
    assert run("query", "--sql", "SELECT label FROM results WHERE 0").split() == ["label", "-------"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sql", "SELECT 1", "--limit", "3"], "--sql cannot be combined with filters"),
        (["--sql", "SELECT 1", "--label", "a"], "--sql cannot be combined with filters"),
        (["--sql", "DELETE FROM results"], "--sql only reads"),
        (["--sql", "SELCT"], "--sql: near"),
        (["--since", "whenever"], "invalid time --since whenever: use 2026-11-24, "),
        (["--label", "07"], r"unknown label '07' \(known: 007, unknown, 猫\)"),
        (["--device", "pi5"], "unknown device 'pi5' \\(known: pi4\\)"),
        (["--model", "dogs"], "unknown model 'dogs' \\(known: cats\\)"),
        (["--run", "7"], "unknown run '7' \\(known: 1\\)"),
        (["--order", "colour"], "unknown --order colour \\(known: newest, oldest, id, "),
        (["--columns", "id,colour"], "unknown column colour \\(known: id, "),
        (["--search", "-*"], "contains no word"),
        (["--follow", "--format", "json"], "--format jsonl for JSON"),
        (["--until", "2026-02-30"], "invalid time --until 2026-02-30"),
        (["--since", "2026-11-24", "--until", "2026-11-23"], "is not before --until"),
    ],
)
def test_usage_errors(run, options, said):
    with pytest.raises(UsageError, match=said):
        run("query", *options)


@pytest.mark.parametrize("options", [["--min-score", "50"], ["--limit", "0"], ["--format", "xml"]])
def test_values_out_of_range(path, options):
    done = CliRunner().invoke(app, ["query", "--db", str(path), *options])
    assert done.exit_code == 2


@pytest.mark.parametrize("command", ["query", "stats"])
def test_the_database_named_wins_over_the_environment(run, tmp_path, command):
    with pytest.raises(InputNotFound, match=r"other\.db: no such file"):
        run(command, "--db", str(tmp_path / "other.db"))
    (tmp_path / "text.db").write_text("not a database at all")
    with pytest.raises(BadDatabase, match="is not a SQLite database"):
        run(command, "--db", str(tmp_path / "text.db"))


def test_without_option_or_environment_it_is_results_db_here(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    monkeypatch.delenv("EDGECLS_DB", raising=False)
    assert CliRunner().invoke(app, ["query", "--format", "jsonl"]).stdout.count("\n") == 3


def test_stats(run):
    found = json.loads(run("stats", "--format", "json"))
    assert (found["rows"], found["classified"], found["errors"]) == (3, 2, 1)
    assert found["labels"][0] == {"label": "007", "count": 1, "mean_score": 0.9, "share": 0.5}
    assert json.loads(run("stats", "--since", "2026-11-24T12:02:00Z", "--format", "json"))["rows"] == 1


def test_the_table_of_stats(run):
    lines = [line.split() for line in run("stats").splitlines()]
    for line in (["rows", "3"], ["errors", "1"], ["infer_ms", "12.0", "12.0", "12.0"], ["007", "1", "0.5", "0.9"]):
        assert line in lines
    assert ["cats", "3", "ab" * 6] in lines


@pytest.fixture
def tokyo(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24", "2026-11-23T15:00:00+00:00"),
        ("2026-11-24T09:30", "2026-11-24T00:30:00+00:00"),
        ("2026-11-24 09:30:15.250", "2026-11-24T00:30:15.250000+00:00"),
        ("2026-11-24T09:30:00Z", "2026-11-24T09:30:00+00:00"),
        ("2026-11-24T09:30:00.000z", "2026-11-24T09:30:00+00:00"),
        ("2026-11-24T09:30:00-05:00", "2026-11-24T14:30:00+00:00"),
    ],
)
def test_times(text, utc):
    assert parse_time(text, "--since").astimezone(timezone.utc).isoformat() == utc


@pytest.mark.parametrize(
    "text", ["", "Z", "5", "24.11.2026", "05/11/2026", "whenever", "2026-11-24T25:00", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_time(text):
    with pytest.raises(UsageError, match=r"invalid time --until "):
        parse_time(text, "--until")
