"""However the rows are found, they are those that looking at each one gives."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from example_rows import NOON, begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st
from older import BEFORE_BOUNDS, BEFORE_TALLIES, FIRST, as_of

from edgecls.database.reading import open_results
from edgecls.database.search_index import index_batch
from edgecls.database.store import Store
from edgecls.errors import UsageError
from edgecls.records import UNKNOWN
from edgecls.results.queries import finding, hours, ranking
from edgecls.results.queries.filters import Filters
from edgecls.results.queries.finding import Finding
from edgecls.results.queries.follow import follow
from edgecls.results.queries.periods import Unit
from edgecls.results.queries.rows import find_rows
from edgecls.results.queries.search import expression
from edgecls.results.queries.stats import stats

pytestmark = pytest.mark.slow

LABELS = ("tabby", "lynx", "fox", UNKNOWN)
PATHS = ("porch-1.jpg", "Straße/катя.png", "café 12", "AND", "a'b\"c*", "NEAR(x)", "porch porch")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Three runs over some days, interleaved; a part of the words indexed."""
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
    return path


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(finding, "FIRST_PAGE", 3)
    monkeypatch.setattr(finding, "PAGE", 7)
    monkeypatch.setattr(hours, "PAGE", 5)


moments = st.one_of(st.none(), st.integers(-10, 3100).map(lambda m: NOON + timedelta(minutes=m, seconds=m % 7)))
filters = st.builds(
    Filters,
    labels=st.lists(st.sampled_from((*LABELS, "zebra")), max_size=2, unique=True).map(tuple),
    since=moments,
    until=moments,
    min_score=st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.1, 0.3, 0.7])),
    errors=st.booleans(),
    unknown=st.booleans(),
    devices=st.sampled_from([(), (), ("gate",), ("yard", "none")]),
    runs=st.sampled_from([(), (), (1,), (2, 3), (9,)]),
    models=st.sampled_from([(), (), ("m0",), ("1a1a",)]),
    search=st.sampled_from([None, None, "porch", "PORCH 1*", "cafe", "катя jpg", "short", "and"]),
    threshold=st.one_of(st.none(), st.floats(0, 1)),
)


def by_hand(db, which):
    """Keys, newest first, by a look at every row."""
    rows = sorted(find_rows(db), key=lambda row: (row["classified_at"], row["id"]), reverse=True)
    models = dict(db.execute("SELECT name, sha256 FROM models").fetchall())
    return [row["key"] for row in rows if wanted(row, which, models)]


def wanted(row, which, models):
    label = row["label"]
    if which.threshold is not None and label is not None:
        label = UNKNOWN if row["score"] < which.threshold else row["top_k"][0]["label"]
    return (
        (not which.labels or label in which.labels)
        and (not which.unknown or label == UNKNOWN)
        and row["classified_at"] >= which.from_time
        and row["classified_at"] < which.to_time
        and (which.min_score is None or (row["score"] is not None and row["score"] >= which.min_score))
        and (not which.errors or row["error"] is not None)
        and (not which.devices or row["device"] in which.devices)
        and (not which.runs or row["run_id"] in which.runs)
        and (not which.models or row["model"] in which.models or models[row["model"]].startswith(which.models))
        and (which.search is None or has_words(row, which.search))
    )


def has_words(row, words):
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE t USING fts5(path, label, error)")
        memory.execute("INSERT INTO t VALUES (?, ?, ?)", (row["path"], row["label"], row["error"]))
        return bool(memory.execute("SELECT count(*) FROM t WHERE t MATCH ?", (expression(words),)).fetchone()[0])


@settings(max_examples=150, deadline=None)
@given(which=filters, few=st.sampled_from([0, 5, 5000]), limit=st.one_of(st.none(), st.integers(0, 20)))
def test_rows(path, which, few, limit):
    with closing(open_results(path)) as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "FEW", few)
        expected = by_hand(db, which)
        limited = Filters(**{**which.__dict__, "limit": limit})
        assert [row["key"] for row in find_rows(db, limited)] == expected[:limit]
        assert [row["key"] for row in find_rows(db, limited, "oldest")] == expected[::-1][:limit]
        assert sorted(row["key"] for row in find_rows(db, which, "-infer_ms")) == sorted(expected)


@settings(max_examples=100, deadline=None)
@given(which=filters, unit=st.sampled_from(Unit))
def test_figures_are_what_counting_gives(path, which, unit):
    with closing(open_results(path)) as db:
        rows = list(find_rows(db, which))
        found = stats(db, which, by=unit)
    assert (found["rows"], found["errors"]) == (len(rows), sum(row["error"] is not None for row in rows))
    labels = {each["label"]: each["count"] for each in found["labels"]}
    assert labels == {name: n for name in LABELS if (n := sum(row["label"] == name for row in rows))}
    assert found["runs"] == len({row["run_id"] for row in rows})
    assert sum(each["rows"] for each in found["counts"]) == len(rows)
    if unit is Unit.hour:
        assert [each["start"][:13] for each in found["counts"]] == sorted({row["classified_at"][:13] for row in rows})
    scores = [row["score"] for row in rows if row["score"] is not None]
    assert [each["count"] for each in found["scores"]] == [
        sum(min(9, int(score * 10)) == n for score in scores) for n in range(10)
    ]


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30))
def test_what_people_search_for_is_never_syntax(text):
    try:
        written = expression(text)
    except UsageError:
        return
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE t USING fts5(x, detail=none)")
        memory.execute("INSERT INTO t VALUES (?)", (text,))
        assert memory.execute("SELECT count(*) FROM t WHERE t MATCH ?", (written,)).fetchone() == (1,)


PLANS = {
    "newest": (Filters(), "results_classified_at"),
    "a label": (Filters(labels=("tabby",)), "results_label"),
    "unknown": (Filters(unknown=True), "results_label"),
    "errors": (Filters(errors=True), "results_error"),
    "two labels": (Filters(labels=("tabby", "lynx")), "results_classified_at"),
    "a device": (Filters(devices=("gate",)), "results_classified_at"),
    "a score": (Filters(min_score=0.9), "results_classified_at"),
    "an interval": (Filters(since=NOON), "results_classified_at"),
}


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("name", PLANS)
def test_the_common_questions_use_an_index_and_sort_nothing(path, name, order):
    which, index = PLANS[name]
    asked = []
    with closing(open_results(path)) as db:
        found = Finding(db, which)
        found._all = lambda sql, **named: asked.append((sql, named)) or []
        list(found.rows(order))
        for sql, named in asked:
            plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", {**found._values, **named})]
            assert f"SEARCH results USING INDEX {index}" in plan[0]
            assert not [step for step in plan if "TEMP B-TREE" in step or step.startswith("SCAN results")]
    assert asked


def test_between_two_pages_nothing_is_held(path, tmp_path):
    """A reader that stays for days lets the log be emptied."""
    copy = tmp_path / "results.db"
    copy.write_bytes(path.read_bytes())
    with Store(copy) as store, closing(open_results(copy)) as db:
        begin(store)
        rows = find_rows(db)
        next(rows)
        store.write(frame("new"))
        assert store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        assert "new" not in [row["key"] for row in rows]


def test_follow(path, tmp_path):
    copy = tmp_path / "results.db"
    copy.write_bytes(path.read_bytes())
    with Store(copy) as store, closing(open_results(copy)) as db:
        begin(store, device="new")
        batches = follow(db, Filters(labels=("tabby",), limit=2), lambda: True)
        assert len(next(batches)) == 2
        assert store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        for n, label in enumerate(["tabby", "lynx", "tabby"]):
            store.write(frame(f"new{n}", -9000, label))  # by a clock that was set back
        assert [row["key"] for row in next(batches)] == ["new0", "new2"]


def test_follow_begins_with_nothing(tmp_path):
    with Store(tmp_path / "results.db") as store, closing(open_results(store.path)) as db:
        waits = iter([True, True, False])
        batches = follow(db, Filters(search="inbox"), lambda: next(waits))
        assert next(batches) == []
        begin(store)
        store.write(frame("a"))
        assert [row["key"] for row in next(batches)] == ["a"]
        assert list(batches) == []


@pytest.fixture(scope="module")
def older(path, tmp_path_factory):
    """The same rows, before a migration."""
    folder = tmp_path_factory.mktemp("older")
    return {step: as_of(path, folder / f"{step}.db", step) for step in (FIRST, BEFORE_TALLIES, BEFORE_BOUNDS)}


@settings(max_examples=40, deadline=None)
@given(which=filters, order=st.sampled_from(["newest", "oldest", "score", "-score"]))
@pytest.mark.parametrize("step", [FIRST, BEFORE_TALLIES, BEFORE_BOUNDS])
def test_a_database_that_nobody_has_migrated_is_only_read(path, older, step, which, order):
    with closing(open_results(path)) as new, closing(open_results(older[step])) as before:
        assert list(find_rows(before, which, order)) == list(find_rows(new, which, order))
        assert json.dumps(stats(before, which)) == json.dumps(stats(new, which))


@settings(max_examples=150, deadline=None)
@given(which=filters, limit=st.integers(1, 500), way=st.sampled_from([1, -1]), page=st.sampled_from([1, 500]))
def test_by_score(path, which, limit, way, page):
    """Of one score by id; what has none comes last."""
    with closing(open_results(path)) as db, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "FIRST_PAGE", page)
        order = sorted(
            find_rows(db, which), key=lambda row: (row["score"] is None, way * (row["score"] or 0), way * row["id"])
        )
        limited = Filters(**{**which.__dict__, "limit": limit})
        found = [row["key"] for row in find_rows(db, limited, "score" if way > 0 else "-score")]
        assert found == [row["key"] for row in order][:limit]


def test_the_best_scores_are_found_without_a_look_at_the_others(path):
    with closing(open_results(path)) as db:
        looked_at = []
        found = ranking.Ranking(db, Filters(), 400, highest_first=True)
        found._rows_of = lambda tally, rows_of=found._rows_of: looked_at.append(tally) or rows_of(tally)
        assert len(found.ids(5)) == 5
        (hourly_counts,) = db.execute("SELECT count(*) FROM hourly_counts").fetchone()
        assert 0 < len(looked_at) < hourly_counts / 5
