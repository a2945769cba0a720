"""However the rows are read, they are those that checking each row gives."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from example_rows import NOON, begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.database.reading import open_results
from edgecls.database.search_index import index_batch
from edgecls.database.store import Store
from edgecls.errors import UsageError
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.reviews import Reviews
from edgecls.results.queries import rows as row_queries
from edgecls.results.queries.counts import count_by_label, count_selects
from edgecls.results.queries.filters import Filters
from edgecls.results.queries.follow import follow_rows
from edgecls.results.queries.periods import Unit
from edgecls.results.queries.rows import Position, RowQuery, find_rows
from edgecls.results.queries.search import match_expression
from edgecls.results.queries.stats import stats

LABELS = ("tabby", "lynx", "fox", UNKNOWN)
PATHS = ("porch-1.jpg", "Straße/катя.png", "café 12", "AND", "a'b\"c*", "NEAR(x)", "porch porch")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Three runs over some days, interleaved; some rows reviewed, and not all of them in the search index."""
    path = tmp_path_factory.mktemp("finding") / "results.db"
    with Store(path) as store:
        for n in range(400):
            if n % 100 == 0:
                begin(store, device=("gate", "yard")[n // 100 % 2], sha256=f"{n % 3}a" * 32, model_name=f"m{n % 3}")
            minutes = n * 37 % 3001
            if n % 13 == 0:
                store.write(failed(str(n), minutes, error=f"cut short {n % 5}"))
                continue
            label, score = LABELS[n * n % 4], (n * 7919 % 1000) / 999
            store.write(frame(str(n), minutes, label=label, score=score, path=PATHS[n % 7], infer_ms=n % 50))
        index_batch(store.database, 300)
        store._has_news = False
    with Reviews(path) as reviews:
        for row_id in range(2, 400, 39):
            reviews.put(row_id, "lynx")
    return path


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(row_queries, "FIRST_PAGE", 3)
    monkeypatch.setattr(row_queries, "PAGE", 7)


moments = st.one_of(st.none(), st.integers(-10, 3100).map(lambda m: NOON + timedelta(minutes=m, seconds=m % 7)))
scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.1, 0.3, 0.7]))
countable = {
    "labels": st.lists(st.sampled_from((*LABELS, "zebra")), max_size=2, unique=True).map(tuple),
    "since": moments,
    "until": moments,
    "errors": st.booleans(),
    "unknown": st.booleans(),
    "devices": st.sampled_from([(), (), ("gate",), ("yard", "none")]),
    "runs": st.sampled_from([(), (), (1,), (2, 3), (9,)]),
    "models": st.sampled_from([(), (), ("m0",), ("1a1a",)]),
}
any_filters = st.builds(
    Filters,
    **countable,
    min_score=scores,
    max_score=scores,
    decided=st.booleans(),
    unreviewed=st.booleans(),
    search=st.sampled_from([None, None, "porch", "PORCH 1*", "cafe", "катя jpg", "short", "and"]),
    threshold=st.one_of(st.none(), st.floats(0, 1)),
)


def expected_rows(db, filters):
    """The matching rows, newest first, by a look at every row."""
    rows = sorted(find_rows(db), key=lambda row: (row["classified_at"], row["id"]), reverse=True)
    models = dict(db.execute("SELECT name, sha256 FROM models").fetchall())
    reviewed = set(db.execute("SELECT source, key FROM reviews").fetchall())
    return [row for row in rows if matches(row, filters, models, reviewed)]


def keys(rows):
    return [row["key"] for row in rows]


def matches(row, filters, models, reviewed):
    label = row["label"]
    if filters.threshold is not None and label is not None:
        label = UNKNOWN if row["score"] < filters.threshold else row["top_k"][0]["label"]
    return (
        (not filters.labels or label in filters.labels)
        and (not filters.unknown or label == UNKNOWN)
        and (not filters.decided or row["label"] not in (None, UNKNOWN))
        and (not filters.unreviewed or (row["source"], row["key"]) not in reviewed)
        and row["classified_at"] >= filters.from_time
        and row["classified_at"] < filters.to_time
        and (filters.min_score is None or (row["score"] is not None and row["score"] >= filters.min_score))
        and (filters.max_score is None or (row["score"] is not None and row["score"] <= filters.max_score))
        and (not filters.errors or row["error"] is not None)
        and (not filters.devices or row["device"] in filters.devices)
        and (not filters.runs or row["run_id"] in filters.runs)
        and (not filters.models or row["model"] in filters.models or models[row["model"]].startswith(filters.models))
        and (filters.search is None or has_words(row, filters.search))
    )


def has_words(row, words):
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE t USING fts5(path, label, error)")
        memory.execute("INSERT INTO t VALUES (?, ?, ?)", (row["path"], row["label"], row["error"]))
        expression = match_expression(words)
        return bool(memory.execute("SELECT count(*) FROM t WHERE t MATCH ?", (expression,)).fetchone()[0])


@settings(max_examples=60, deadline=None)
@given(
    filters=any_filters,
    few=st.sampled_from([0, 5, 5000]),
    limit=st.one_of(st.none(), st.integers(0, 20)),
    column=st.sampled_from(["score", "infer_ms", "id", "label", "path"]),
)
def test_rows(path, filters, few, limit, column):
    with closing(open_results(path)) as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_queries, "FEW_MATCHES", few)
        expected = expected_rows(db, filters)
        limited = replace(filters, limit=limit)
        assert keys(find_rows(db, limited)) == keys(expected)[:limit]
        assert keys(find_rows(db, limited, "oldest")) == keys(expected)[::-1][:limit]
        for sign in (1, -1):
            ranked = [row for row in expected if row[column] is not None]
            ranked.sort(key=lambda row: (row[column], row["id"]), reverse=sign < 0)
            ranked += sorted((row for row in expected if row[column] is None), key=lambda row: sign * row["id"])
            assert keys(find_rows(db, limited, column if sign > 0 else f"-{column}")) == keys(ranked)[:limit]


@settings(max_examples=50, deadline=None)
@given(filters=any_filters.filter(lambda filters: filters.search is None), at=st.integers(0, 399))
def test_rows_after_a_position(path, filters, at):
    with closing(open_results(path)) as db:
        everything = keys(expected_rows(db, Filters()))
        expected = keys(expected_rows(db, filters))
        position = Position(
            *db.execute(f"SELECT classified_at, id FROM results WHERE key = '{everything[at]}'").fetchone()
        )
        older, newer = set(everything[at + 1 :]), set(everything[:at])
        assert keys(find_rows(db, filters, after=position)) == [key for key in expected if key in older]
        assert keys(find_rows(db, filters, "oldest", after=position)) == [key for key in expected[::-1] if key in newer]


@settings(max_examples=50, deadline=None)
@given(filters=st.builds(Filters, **countable), unit=st.sampled_from(Unit))
def test_statistics_are_what_counting_gives(path, filters, unit):
    with closing(open_results(path)) as db:
        rows = list(find_rows(db, filters))
        summary = stats(db, filters, by=unit)
        by_label = count_by_label(db, filters)
    assert (summary["rows"], summary["errors"]) == (len(rows), sum(row["error"] is not None for row in rows))
    assert by_label.total() == len(rows)
    labels = {each["label"]: each["count"] for each in summary["labels"]}
    assert labels == {name: n for name in LABELS if (n := sum(row["label"] == name for row in rows))}
    assert summary["runs"] == len({row["run_id"] for row in rows})
    assert sum(each["rows"] for each in summary["counts"]) == len(rows)
    if unit is Unit.hour:
        hours = sorted({row["classified_at"][:13] for row in rows})
        assert [each["start"][:13] for each in summary["counts"]] == hours
    scores = [row["score"] for row in rows if row["score"] is not None]
    assert [each["count"] for each in summary["scores"]] == [
        sum(min(9, int(score * 10)) == n for score in scores) for n in range(10)
    ]


def test_what_the_counts_do_not_know_is_not_counted_by(path):
    with closing(open_results(path)) as db, pytest.raises(ValueError, match="cannot count by"):
        count_selects(db, Filters(min_score=0.5))


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30))
def test_words_of_a_search_are_never_syntax(text):
    try:
        expression = match_expression(text)
    except UsageError:
        return
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE t USING fts5(x, detail=none)")
        memory.execute("INSERT INTO t VALUES (?)", (text,))
        assert memory.execute("SELECT count(*) FROM t WHERE t MATCH ?", (expression,)).fetchone() == (1,)


PLANS = {
    "newest": (Filters(), "results_classified_at"),
    "a label": (Filters(labels=("tabby",)), "results_label"),
    "unknown": (Filters(unknown=True), "results_label"),
    "errors": (Filters(errors=True), "results_error"),
    "two labels": (Filters(labels=("tabby", "lynx")), "results_classified_at"),
    "a device": (Filters(devices=("gate",)), "results_classified_at"),
    "a score": (Filters(min_score=0.9), "results_classified_at"),
    "an interval": (Filters(since=NOON), "results_classified_at"),
    "decided and unreviewed": (Filters(decided=True, unreviewed=True), "results_classified_at"),
}


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("name", PLANS)
def test_common_queries_use_an_index_and_sort_nothing(path, name, order):
    filters, index = PLANS[name]
    statements = []
    with closing(open_results(path)) as db:
        query = RowQuery(db, filters)
        parameters = {**query._parameters, "last_id": 400}
        query._fetch = lambda sql, **named: statements.append((sql, named)) or []
        list(query.by_time(newest_first=order == "newest"))
        for sql, named in statements:
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", {**parameters, **named})]
            assert f"SEARCH results USING INDEX {index}" in plan[0]
            assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN results")]
    assert statements


def test_no_transaction_is_open_between_two_pages(path, tmp_path):
    """A reader that stays for days lets the log be emptied."""
    copy = tmp_path / "results.db"
    copy.write_bytes(path.read_bytes())
    with Store(copy) as store, closing(open_results(copy)) as db:
        begin(store)
        rows = find_rows(db)
        next(rows)
        store.write(frame("new"))
        assert store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        assert "new" not in keys(rows)


def test_follow(path, tmp_path):
    copy = tmp_path / "results.db"
    copy.write_bytes(path.read_bytes())
    with Store(copy) as store, closing(open_results(copy)) as db:
        begin(store, device="new")
        batches = follow_rows(db, Filters(labels=("tabby",), limit=2), lambda: True)
        assert len(next(batches)) == 2
        assert store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        for n, label in enumerate(["tabby", "lynx", "tabby"]):
            store.write(frame(f"new{n}", -9000, label))  # by a clock that was set back
        assert keys(next(batches)) == ["new0", "new2"]


def test_follow_an_empty_database(tmp_path):
    with Store(tmp_path / "results.db") as store, closing(open_results(store.path)) as db:
        waits = iter([True, True, False])
        batches = follow_rows(db, Filters(search="inbox"), lambda: next(waits))
        assert next(batches) == []
        begin(store)
        store.write(frame("a"))
        assert keys(next(batches)) == ["a"]
        assert list(batches) == []
