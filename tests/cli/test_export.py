"""Rows in files that other programs read."""

import csv
import json
import resource
import signal
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.records import Classification, Prediction
from edgecls.results.queries.rows import find_rows

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "results.db"
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="cats", labels=["tabby", "猫"], metrics={}, device="pi4", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        for n, (label, error) in enumerate([("tabby", None), ("猫", None), (None, 'torn, "half"')] * 20):
            top_k = (Prediction(label, 0.9), Prediction("fox", 0.1)) if label else ()
            at = NOON + timedelta(minutes=n)
            votes = {"tabby": 3} if n % 2 else None
            store.write(
                Classification(
                    "folder",
                    str(n),
                    f"in/{n}\n.jpg",
                    NOON,
                    at,
                    label,
                    0.9 if label else None,
                    top_k,
                    2.0,
                    12.0,
                    error,
                    votes,
                )
            )
    return path


def rows_of(database):
    with closing(open_results(database)) as db:
        return list(find_rows(db, order="oldest"))


def test_csv_and_json_lines_in_a_file_and_on_stdout(edgecls, database, tmp_path):
    for kind in ("csv", "jsonl"):
        edgecls("export", "--format", kind, "-o", f"out.{kind}")
        assert (tmp_path / f"out.{kind}").read_text("utf-8").splitlines() == edgecls(
            "export", "--format", kind
        ).stdout.splitlines()
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        assert [row["key"] for row in csv.DictReader(file)] == [row["key"] for row in rows_of(database)]
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows_of(database)


def test_filters_and_columns(edgecls, database):
    done = edgecls("export", "--label", "猫", "--columns", "id,label", "--limit", "2", "--db", str(database))
    assert done.stdout.split() == ["id,label", "2,猫", "5,猫"]


def test_parquet_opens_in_duckdb_and_pandas_with_its_types(edgecls, database, tmp_path):
    duckdb, pandas = pytest.importorskip("duckdb"), pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    edgecls("export", "--format", "parquet", "-o", "out.parquet")
    expected = rows_of(database)
    frame = pandas.read_parquet(tmp_path / "out.parquet")
    assert list(frame["key"]) == [row["key"] for row in expected]
    assert frame["classified_at"][1] == pandas.Timestamp(NOON + timedelta(minutes=1))
    assert frame["top_k"][0][1]["label"] == "fox"
    with duckdb.connect() as connection:
        asked = f"""
            SELECT label, count(*), max(top_k[1].score), min(epoch_ms(classified_at))
            FROM '{tmp_path / "out.parquet"}' WHERE error IS NULL GROUP BY label ORDER BY label
        """
        begin = round(NOON.timestamp() * 1000)
        assert connection.execute(asked).fetchall() == [("tabby", 20, 0.9, begin), ("猫", 20, 0.9, begin + 60_000)]


def test_csv_and_json_lines_open_in_duckdb(edgecls, database, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    for kind, reader in (("csv", "read_csv"), ("jsonl", "read_json")):
        edgecls("export", "--format", kind, "-o", f"out.{kind}", "--db", str(database))
        with duckdb.connect() as connection:
            asked = f"SELECT count(*), count(label), sum(score) FROM {reader}('{tmp_path / f'out.{kind}'}')"
            assert connection.execute(asked).fetchone() == (60, 40, pytest.approx(36.0))


def test_an_empty_parquet_file_has_its_columns(edgecls, database, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    edgecls("export", "--format", "parquet", "-o", "out.parquet", "--since", "2030-01-01", "--db", str(database))
    assert "top_k" in parquet.read_table(tmp_path / "out.parquet").column_names


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_on_a_full_disk_nothing_is_left_and_the_old_file_stays(environment, database, tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "out").write_text("before")

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "export", "--format", kind, "-o", "exports/out", "--force", "--db", str(database)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, preexec_fn=little_room,
    )  # fmt: skip
    assert done.returncode == 74, done.stderr
    assert done.stderr.startswith("edgecls: error: cannot write exports/out: ")
    assert done.stderr.count("\n") == 1
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("out", "before")]


def test_parquet_on_a_terminal(edgecls, database):
    assert "name a file with -o" in edgecls("export", "--format", "parquet", "--db", str(database), code=2).stderr


@pytest.mark.usefixtures("database")
def test_without_pyarrow(edgecls, tmp_path):
    script = """
import sys
sys.modules["pyarrow"] = None
sys.argv = ["edgecls", "export", "--format", "parquet", "-o", "out.parquet", "--db", "results.db"]
from edgecls.cli.main import main
main()
"""
    assert "pip install 'edgecls[parquet]'" in edgecls(script=script, code=69).stderr
    assert sorted(file.name for file in tmp_path.iterdir() if "out" in file.name) == []


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("name", "start"),
    [("a.csv", b"id,"), ("a.jsonl", b'{"id"'), ("a.ndjson", b'{"id"'), ("a.JSON", b"[\n{"), ("a", b"id,")],
)
def test_the_suffix_says_the_format(edgecls, tmp_path, name, start):
    edgecls("export", "-o", name)
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.usefixtures("database")
def test_a_parquet_file_by_its_suffix(edgecls, tmp_path):
    pytest.importorskip("pyarrow")
    edgecls("export", "-o", "robins.parquet")
    assert (tmp_path / "robins.parquet").read_bytes().startswith(b"PAR1")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "a.xlsx"], "unknown suffix .xlsx of a.xlsx (known: .csv, .json, .jsonl, .ndjson, .parquet)"),
        (["-o", "a.db"], "unknown suffix .db"),
        (["-o", "a.csv.gz"], "unknown suffix .gz"),
        (["-o", "a.xlsx", "--format", "csv"], "unknown suffix .xlsx"),
        (["-o", "a.parquet", "--format", "csv"], "--format csv contradicts the name a.parquet"),
        (["-o", "a.csv", "--format", "jsonl"], "--format jsonl contradicts the name a.csv"),
        (["--force"], "--force overwrites a file: name it with -o"),
    ],
)
def test_what_contradicts_itself_is_refused(edgecls, tmp_path, arguments, message):
    assert message in edgecls("export", *arguments, code=2).stderr
    assert not list(tmp_path.glob("a*"))


def test_what_is_there_stays_unless_forced(edgecls, database, tmp_path):
    (tmp_path / "a.csv").write_text("precious")
    assert (
        "a.csv already exists: name another file, or overwrite it with --force"
        in edgecls("export", "-o", "a.csv", code=2).stderr
    )
    assert (tmp_path / "a.csv").read_text() == "precious"
    edgecls("export", "-o", "a.csv", "--force", "--limit", "2")
    assert len((tmp_path / "a.csv").read_text().splitlines()) > 2
    (tmp_path / "results.csv").hardlink_to(database)
    said = edgecls("export", "-o", "results.csv", "--force", code=2).stderr
    assert "it would replace" in said
