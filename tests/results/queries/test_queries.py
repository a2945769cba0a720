import statistics
import subprocess
import sys
from contextlib import closing
from datetime import timedelta, timezone

import pytest
from example_rows import NOON, begin, failed, frame
from hypothesis import given
from hypothesis import strategies as st

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import BadDatabase, UsageError
from edgecls.records import UNKNOWN
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.rows import find_rows
from edgecls.results.queries.stats import stats
from edgecls.results.queries.user_sql import run_sql


@pytest.fixture
def db(store, path):
    """Three cats, an unknown and a failure, a minute apart; the last two of another model."""
    store.write(frame("a", 0, label="tabby", score=0.9, infer_ms=10))
    store.write(frame("b", 1, label="lynx", score=0.8, infer_ms=20))
    store.write(frame("c", 2, label="tabby", score=0.6, infer_ms=30))
    begin(store, sha256="cd" * 32, model_name="more cats")
    store.write(frame("d", 3, label=UNKNOWN, score=0.3, infer_ms=100))
    store.write(failed("e", 4))
    with closing(open_results(path)) as opened:
        yield opened


def keys(db, **conditions):
    return "".join(row["key"] for row in find_rows(db, Filters(**conditions)))


def test_newest_first(db):
    assert keys(db) == "edcba"


def test_of_one_moment_the_last_written_comes_first(store, path):
    for key in "ab":
        store.write(frame(key))
    with closing(open_results(path)) as opened:
        assert keys(opened) == "ba"


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"labels": ("lynx",)}, "b"),
        ({"labels": ("lynx", UNKNOWN, "no such label")}, "db"),
        ({"labels": ("'; DROP TABLE results; --",)}, ""),
        ({"labels": ("\udcff",)}, ""),
        ({"since": NOON + timedelta(minutes=3)}, "ed"),
        ({"until": NOON + timedelta(minutes=3)}, "cba"),
        ({"since": NOON, "until": NOON + timedelta(milliseconds=1)}, "a"),
        ({"since": (NOON + timedelta(minutes=3)).astimezone(timezone(timedelta(hours=-9)))}, "ed"),
        ({"since": (NOON + timedelta(minutes=3)).astimezone().replace(tzinfo=None)}, "ed"),
        ({"min_score": 0.6}, "cba"),
        ({"min_score": 0.0}, "dcba"),
        ({"errors": True}, "e"),
        ({"limit": 2}, "ed"),
        ({"limit": 0}, ""),
        ({"labels": ("tabby",), "min_score": 0.7, "limit": 5}, "a"),
        ({"labels": ("tabby",), "errors": True}, ""),
        ({"unknown": True}, "d"),
        ({"models": ("more cats",)}, "ed"),
        ({"models": ("cdcd",), "errors": True}, "e"),
        ({"models": ("cd",)}, ""),
        ({"runs": (1,), "min_score": 0.8}, "ba"),
        ({"devices": ("pi4",)}, "edcba"),
        ({"devices": ("pi5",)}, ""),
        ({"threshold": 0.85, "unknown": True}, "dcb"),
        ({"threshold": 0.85, "labels": ("tabby",)}, "a"),
        ({"search": "inbox"}, "edcba"),
        ({"search": "inbox", "limit": 1}, "e"),
        ({"search": "not an image"}, "e"),
        ({"search": "zebra"}, ""),
    ],
)
def test_filters(db, conditions, found):
    assert keys(db, **conditions) == found


def test_a_row_names_its_run_and_model(db):
    newest, *_, oldest = find_rows(db)
    assert (newest["run_id"], newest["model"], newest["label"], newest["error"]) == (
        2,
        "more cats",
        None,
        "not an image",
    )
    assert (oldest["run_id"], oldest["model"], oldest["top_k"][0]) == (1, "cats", {"label": "tabby", "score": 0.9})


def test_stats(db):
    assert stats(db) == {
        "rows": 5, "classified": 3, "unknown": 1, "errors": 1, "runs": 2,
        "first_classified_at": "2026-11-24T12:00:00.000Z", "last_classified_at": "2026-11-24T12:04:00.000Z",
        "labels": [
            {"label": "tabby", "count": 2, "mean_score": 0.75, "share": 0.5},
            {"label": "lynx", "count": 1, "mean_score": 0.8, "share": 0.25},
            {"label": UNKNOWN, "count": 1, "mean_score": 0.3, "share": 0.25},
        ],
        "models": [
            {"model": "cats", "sha256": "ab" * 32, "count": 3},
            {"model": "more cats", "sha256": "cd" * 32, "count": 2},
        ],
        "unknown_rate": 0.25, "error_rate": 0.2,
        "throughput": {"rows_per_hour": 5.0, "busiest_hour": "2026-11-24T12:00:00.000Z", "rows_in_busiest_hour": 5},
        "scores": [{"from": n / 10, "to": (n + 1) / 10, "count": int(n in (3, 6, 8, 9))} for n in range(10)],
        "latency_rows": 5, "decode_ms": {"median": 2.0, "p95": 2.0, "p99": 2.0},
        "infer_ms": {"median": 25.0, "p95": 89.5, "p99": 97.9},
    }  # fmt: skip


def test_stats_of_a_part(db):
    part = stats(db, Filters(since=NOON + timedelta(minutes=4), limit=1))
    assert (part["rows"], part["errors"], part["runs"], part["labels"]) == (1, 1, 1, [])
    assert part["infer_ms"] == {"median": None, "p95": None, "p99": None}


@pytest.mark.usefixtures("store")
def test_stats_of_nothing(path):
    with closing(open_results(path)) as opened:
        nothing = stats(opened)
    assert (nothing["rows"], nothing["runs"], nothing["first_classified_at"]) == (0, 0, None)
    assert (nothing["labels"], nothing["models"]) == ([], [])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("measured") / "results.db"
    with Store(path) as store:
        begin(store)
        yield store, path


@given(times=st.lists(st.integers(0, 10_000), min_size=2, max_size=30))
def test_percentiles_are_those_of_the_statistics_module(measured, times):
    store, path = measured
    store.database.execute("DELETE FROM results")
    with store.database.atomic():
        for n, ms in enumerate(times):
            store.write(frame(str(n), infer_ms=ms))
    with closing(open_results(path)) as opened:
        found = stats(opened)["infer_ms"]
    assert found["median"] == pytest.approx(statistics.median(times), abs=1e-3)
    assert found["p95"] == pytest.approx(statistics.quantiles(times, n=100, method="inclusive")[94], abs=1e-3)


def test_sql(db):
    columns, rows = run_sql(db, "SELECT label, count(*) AS n FROM results WHERE label = 'tabby' GROUP BY label")
    assert (columns, list(rows)) == (("label", "n"), [{"label": "tabby", "n": 2}])


def test_sql_without_rows_has_columns(db):
    columns, rows = run_sql(db, "SELECT id, path FROM results WHERE 0")
    assert (columns, list(rows)) == (("id", "path"), [])


def test_sql_columns_of_one_name_are_told_apart(db):
    columns, rows = run_sql(db, "SELECT 1 AS a, 2 AS a")
    assert (columns, list(rows)) == (("a", "a_2"), [{"a": 1, "a_2": 2}])


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n LIMIT 9) SELECT * FROM n",
        "SELECT value FROM results, json_each(top_k)",
        "SELECT * FROM pragma_table_info('results')",
        "PRAGMA table_info(results)",
        "PRAGMA journal_mode",
        "EXPLAIN QUERY PLAN SELECT * FROM results",
        "VALUES (1), (2)",
        "SELECT path FROM results ORDER BY 1; -- done",
    ],
)
def test_sql_that_reads(db, sql):
    _, rows = run_sql(db, sql)
    assert list(rows)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM results",
        "INSERT INTO results (id) VALUES (1) RETURNING id",
        "UPDATE results SET label = 'dog'",
        "UPDATE sqlite_master SET sql = ''",
        "DROP TABLE results",
        "CREATE TEMP TABLE t (a)",
        "WITH doomed AS (SELECT 1) DELETE FROM results",
        "EXPLAIN DELETE FROM results",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'other.db'",
        "VACUUM",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 3",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "SELECT load_extension('evil')",
        "BEGIN",
        "",
        "-- nothing",
    ],
)
def test_sql_that_does_more_than_read(db, sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        list(run_sql(db, sql)[1])
    assert str(refused.value).startswith("--sql only reads: ") or "load_extension" in sql
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "other.db").exists()
    assert keys(db) == "edcba"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELCT 1", 'near "SELCT": syntax error'),
        ("SELECT clock_is locked FROM results", "no such column: clock_is"),
        ("SELECT * FROM cats", "no such table: cats"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT ?", "bindings"),
        ("SELECT '\udcff' || x", "no such column: x"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"),
        ("SELECT json(path) FROM results", "malformed JSON"),
        ("SELECT CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
    ],
)
def test_sql_mistakes_are_told_in_the_words_of_sqlite(db, sql, said):
    with pytest.raises(UsageError, match=r"^--sql: ") as refused:
        list(run_sql(db, sql)[1])
    assert said in str(refused.value)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sqlite3 has no limits before Python 3.11")
def test_sql_that_would_make_a_value_of_gigabytes(db):
    with pytest.raises(UsageError, match="too big"):
        list(run_sql(db, "SELECT randomblob(900000000)")[1])
    assert len(list(run_sql(db, "SELECT randomblob(1000000)")[1])) == 1


def test_after_sql_the_other_queries_still_work(db):
    run_sql(db, "SELECT 1")
    assert keys(db, limit=1) == "e"
    assert stats(db, NO_FILTERS)["rows"] == 5
    assert next(db.query("SELECT count(*) AS n FROM results")) == {"n": 5}
    assert [row["id"] for row in db.table("results").rows_where("label = ?", ["lynx"])] == [2]


def test_an_open_database_does_not_let_itself_be_written_to(db):
    import sqlite3

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM results")


@pytest.mark.parametrize("sql", ["ATTACH '{new}' AS other", "VACUUM INTO '{new}'"])
def test_nor_does_it_make_another_file(db, tmp_path, sql):
    import sqlite3

    with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|authorization denied"):
        db.execute(sql.format(new=tmp_path / "new.db"))
    assert not (tmp_path / "new.db").exists()


def test_damage_found_while_reading(store, path):
    for n in range(500):
        store.write(frame(str(n), n))
    store.close()
    with path.open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 4096 * 16)
    with closing(open_results(path)) as opened, pytest.raises(BadDatabase) as damaged:
        list(find_rows(opened))
    remedy = f"rescue its rows with `sqlite3 {path} .dump`, or name another file"
    assert str(damaged.value) == f"{path} is damaged: {remedy}"
    with closing(open_results(path)) as opened, pytest.raises(BadDatabase, match=f"sqlite3 {path} "):
        list(run_sql(opened, "SELECT * FROM results")[1])


def test_queries_import_nothing_heavy():
    script = """
import sys
banned = {"tensorflow", "keras", "sklearn", "matplotlib", "cv2", "watchdog", "pydantic", "ai_edge_litert"}
class Ban:
    def find_spec(self, name, *_):
        assert name.split(".")[0] not in banned, name
sys.meta_path.insert(0, Ban())
import edgecls.database.reading, edgecls.results.queries.stats, edgecls.database.store, edgecls.cli.results
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
