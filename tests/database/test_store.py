import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from math import inf, isfinite, nan

import pytest
from example_rows import NOON, begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.database import connection
from edgecls.database.reading import open_results
from edgecls.database.row_values import escape_surrogates
from edgecls.database.store import Store
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import InputNotFound, IoFailed
from edgecls.records import Classification, Prediction
from edgecls.results.queries.rows import COLUMNS, find_rows


def test_a_row_reads_back(store, path):
    store.write(frame("a.jpg", label="Höhle", score=0.912345678, decode_ms=1.23456))
    with closing(open_results(path)) as db:
        (row,) = find_rows(db)
    assert tuple(row) == COLUMNS
    assert row == {
        "id": 1, "run_id": 1, "model": "cats", "device": "pi4", "source": "folder", "key": "a.jpg", "path": "inbox/a.jpg",
        "captured_at": "2026-11-24T12:00:00.000Z", "classified_at": "2026-11-24T12:00:00.000Z", "label": "Höhle",
        "score": 0.912346, "top_k": [{"label": "Höhle", "score": 0.912346}, {"label": "lynx", "score": 0.05}],
        "decode_ms": 1.235, "infer_ms": 12.0, "error": None, "votes": None, "clock": None,
    }  # fmt: skip


def test_a_failed_frame_is_a_row_too(store, read):
    store.write(failed("b.jpg"))
    assert read("SELECT label, score, top_k, error FROM results") == [(None, None, "[]", "not an image")]


def test_top_k_stays_readable_in_the_file(store, read):
    store.write(frame(label="猫 🐈"))
    assert read("SELECT top_k FROM results")[0][0].startswith('[{"label": "猫 🐈", "score": 0.9}')


def test_the_first_row_of_a_frame_stands(store, read):
    store.write(frame("a.jpg", label="tabby"))
    store.write(frame("a.jpg", label="lynx"))
    store.write(frame("a.jpg", source="camera"))  # the same key elsewhere is another frame
    assert read("SELECT source, label FROM results ORDER BY id") == [("folder", "tabby"), ("camera", "tabby")]


def test_many_rows_are_one_transaction_in_their_order(store, read):
    statements = []
    store.database.conn.set_trace_callback(statements.append)
    store.write_many([frame("a.jpg"), failed("b.jpg"), frame("a.jpg", label="lynx"), frame("c.jpg")])
    store.database.conn.set_trace_callback(None)
    assert read("SELECT key, label FROM results ORDER BY id") == [
        ("a.jpg", "tabby"),
        ("b.jpg", None),
        ("c.jpg", "tabby"),
    ]
    assert [each for each in statements if each in ("BEGIN", "COMMIT")] == ["BEGIN", "COMMIT"]


def test_of_many_rows_none_is_there_if_one_cannot_be(store, read):
    refuse = "CREATE TEMP TRIGGER refuse BEFORE INSERT ON results WHEN new.key = 'c.jpg'"
    store.database.execute(f"{refuse} BEGIN SELECT RAISE(ABORT, 'no c here'); END")
    with pytest.raises(sqlite3.IntegrityError, match="no c here"):
        store.write_many([frame("a.jpg"), frame("b.jpg"), frame("c.jpg")])
    assert read("SELECT count(*) FROM results") == [(0,)]
    store.write_many([frame("a.jpg"), frame("b.jpg")])
    assert read("SELECT count(*) FROM results") == [(2,)]


def test_has_asks_all_runs(store, path):
    store.write(frame("a.jpg"))
    store.write(failed("b\udcff.jpg"))
    store.close()
    with Store(path) as later:
        assert later.has("folder", "a.jpg")
        assert later.has("folder", "b\udcff.jpg")
        assert not later.has("folder", "c.jpg")
        assert not later.has("camera", "a.jpg")


def test_a_model_has_the_labels_of_its_last_run(path, read):
    """The same file with another `--labels`."""
    with Store(path) as store:
        for labels in (["red", "blue"], ["rot", "blau"]):
            store.begin_run(
                sha256="1", model_name="tiny", labels=labels, metrics={}, device="", source="", version="", config={}
            )
    assert read("SELECT labels FROM models") == [('["rot", "blau"]',)]


def test_runs_and_models(path, read):
    with Store(path) as store:
        assert begin(store) == 1
        store.end_run("interrupted")
        assert begin(store, model_name="renamed", device="pi5") == 2
        assert begin(store, sha256="cd" * 32) == 3
    assert read("SELECT id, name, labels, metrics FROM models") == [
        (1, "cats", '["tabby", "lynx"]', '{"accuracy": 0.82}'),
        (2, "cats", '["tabby", "lynx"]', '{"accuracy": 0.82}'),
    ]
    # The third run was not ended: it stands there as one that was killed.
    assert read("SELECT id, model_id, device, stop_reason, stopped_at IS NULL FROM runs") == [
        (1, 1, "pi4", "interrupted", 0),
        (2, 1, "pi5", "another run began", 0),
        (3, 2, "pi4", None, 1),
    ]


def test_run_times_are_now_in_utc(store, read):
    store.end_run("done")
    started, stopped = read("SELECT started_at, stopped_at FROM runs")[0]
    now = format_timestamp(datetime.now(timezone.utc))
    assert format_timestamp(datetime.now(timezone.utc) - timedelta(minutes=1)) < started <= stopped <= now


def test_metrics_and_config_of_any_kind(path, read):
    with Store(path) as store:
        begin(store, metrics={"f1": nan, "per_class": [{"recall": 0.5}], 3: inf}, config={"inbox": path, "n": None})
    metrics, config = read("SELECT metrics, config FROM models, runs")[0]
    assert metrics == '{"f1": null, "per_class": [{"recall": 0.5}], "3": null}'
    assert config == f'{{"inbox": "{path}", "n": null}}'


def test_a_row_needs_a_run(path):
    with Store(path) as store:
        with pytest.raises(RuntimeError, match="begin_run"):
            store.write(frame())
        store.end_run("nothing to end")


def test_a_naive_time_is_local(store, read):
    store.write(frame(captured_at=NOON.astimezone().replace(tzinfo=None)))
    assert read("SELECT captured_at FROM results") == [("2026-11-24T12:00:00.000Z",)]


def test_close_twice(path):
    store = Store(path)
    store.close()
    store.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # no side files left


def test_rows_are_committed_with_full_synchronisation_in_wal(store):
    assert store.database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store.database.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_reader_does_not_block_the_writer(store, path):
    for n in range(3):
        store.write(frame(str(n)))
    with closing(open_results(path)) as db:
        rows = find_rows(db)
        next(rows)
        store.write(frame("while reading"))
        assert len(list(rows)) == 2  # what the reader sees is of one moment
        assert len(list(find_rows(db))) == 4


def test_another_process_that_holds_the_file(path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    with Store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        begin(store)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            IoFailed, match=r"another process has locked .*results\.db: wait until it is done, or stop it"
        ):
            store.write(frame("a.jpg"))
        with pytest.raises(IoFailed, match="another process has locked"):
            Store(path)
        other.execute("ROLLBACK")
        store.write(frame("a.jpg"))
        assert store.has("folder", "a.jpg")


def test_a_missing_folder(tmp_path):
    with pytest.raises(InputNotFound, match=r"the folder .*missing does not exist: create it first"):
        Store(tmp_path / "missing" / "results.db")
    (tmp_path / "file").touch()
    with pytest.raises(IoFailed, match="not a folder"):
        Store(tmp_path / "file" / "results.db")


def test_a_broken_link_is_not_followed_into_nowhere(tmp_path):
    (tmp_path / "results.db").symlink_to(tmp_path / "unmounted" / "results.db")
    with pytest.raises(IoFailed, match="broken link"):
        Store(tmp_path / "results.db")


@pytest.mark.parametrize("exists", [False, True])
def test_a_failed_set_up_leaves_no_new_file(path, monkeypatch, exists):
    def full(db):
        db.execute("CREATE TABLE half (id)")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("edgecls.database.opening.create_schema", full)
    if exists:
        path.touch()
    with pytest.raises(IoFailed, match="the disk is full: free some space"):
        Store(path)
    assert path.exists() == exists


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates, NUL and emoji included
NUMBER = st.none() | st.floats()
MOMENT = st.datetimes(timezones=st.just(timezone.utc))
ANY = st.builds(
    Classification,
    source=TEXT,
    key=TEXT,
    path=st.none() | TEXT,
    captured_at=MOMENT,
    classified_at=MOMENT,
    label=st.none() | TEXT,
    score=NUMBER,
    top_k=st.lists(st.builds(Prediction, TEXT, st.floats()), max_size=3).map(tuple),
    decode_ms=NUMBER,
    infer_ms=NUMBER,
    error=st.none() | TEXT,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "results.db"
    with Store(path) as store, closing(open_results_after(store, path)) as db:
        yield store, db


def open_results_after(store, path):
    begin(store)
    return open_results(path)


def text(value):
    return None if value is None else escape_surrogates(value)


def number(value, digits):
    return None if value is None or not isfinite(value) else round(value, digits)


@settings(deadline=None, max_examples=60)
@given(given_frame=ANY)
def test_any_classification_reads_back(shared, given_frame):
    store, db = shared
    one = replace(given_frame, source=f"{next_source()}{given_frame.source}")
    assert not store.has(one.source, one.key)
    store.write(one)
    assert store.has(one.source, one.key)
    (row,) = (row for row in find_rows(db) if row["source"] == escape_surrogates(one.source))
    for column in ("source", "key", "path", "label", "error"):
        assert row[column] == text(getattr(one, column))
    assert row["score"] == number(one.score, 6)
    assert row["top_k"] == [{"label": escape_surrogates(p.label), "score": number(p.score, 6)} for p in one.top_k]
    assert (row["decode_ms"], row["infer_ms"]) == (number(one.decode_ms, 3), number(one.infer_ms, 3))
    assert row["captured_at"] == format_timestamp(one.captured_at)
    assert datetime.fromisoformat(row["classified_at"].replace("Z", "+00:00")) == one.classified_at.replace(
        microsecond=one.classified_at.microsecond // 1000 * 1000
    )


_sources = iter(range(10**9))


def next_source():
    """A source that no earlier example had: the rows of all of them lie in one database."""
    return f"{next(_sources)}:"
