"""The index of words trails the rows, and stays right whatever becomes of them."""

import sqlite3
from contextlib import closing

from example_rows import begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.database import search_index_schedule
from edgecls.database.search_index import index_batch
from edgecls.database.search_index_schedule import SearchIndex
from edgecls.database.store import Store


def indexed(db):
    return [row for (row,) in db.execute("SELECT rowid FROM results_text WHERE results_text MATCH 'inbox'")]


def up_to(db):
    return db.execute("SELECT id FROM results_text_up_to").fetchone()[0]


def test_in_order_a_batch_at_a_time(store):
    for n in range(5):
        store.write(frame(str(n)))
    assert indexed(store.database) == []
    assert index_batch(store.database, 2) == 2
    assert indexed(store.database) == [1, 2]
    assert [index_batch(store.database, 2), index_batch(store.database, 2), index_batch(store.database, 2)] == [2, 1, 0]
    assert indexed(store.database) == [1, 2, 3, 4, 5]


def test_closing_the_store_indexes_what_it_wrote(store, read):
    store.write(frame("a"))
    store.close()
    store.close()
    assert read("SELECT rowid FROM results_text WHERE results_text MATCH 'inbox'") == [(1,)]


def test_a_store_that_wrote_nothing_leaves_the_file_alone(path, store):
    store.write(frame("a"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other, Store(path, busy_timeout=0):
        other.execute("BEGIN IMMEDIATE")


def test_a_file_that_is_held_closes_all_the_same(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        with Store(path, busy_timeout=0) as store:
            begin(store)
            store.write(frame("a"))
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT id FROM results_text_up_to").fetchone() == (0,)


def test_due_after_a_while_or_a_batch(store, monkeypatch):
    monkeypatch.setattr(search_index_schedule, "BATCH", 3)
    index = SearchIndex(store)
    done = []
    for n in range(8):
        store.write(frame(str(n)))
        done.append(index.catch_up())
    assert done == [1, 0, 0, 3, 1, 0, 0, 3]


def test_put_off_while_another_process_holds_the_file(path, store):
    store.write(frame("a"))
    store.database.execute("PRAGMA busy_timeout = 0")
    index = SearchIndex(store, every=0.0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert index.catch_up() == 0
    assert index.catch_up() == 1


steps = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 20)),
    st.tuples(st.just("fail"), st.integers(0, 20)),
    st.tuples(st.just("index"), st.integers(1, 4)),
    st.tuples(st.just("remove"), st.integers(1, 20)),
    st.tuples(st.just("move"), st.integers(1, 20)),
    st.tuples(
        st.just("remove all"),
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=30))
def test_the_index_is_that_of_the_rows_up_to_where_it_is(tmp_path_factory, taken):
    with Store(tmp_path_factory.mktemp("words") / "results.db") as store:
        begin(store)
        db = store.database
        for step in taken:
            match step:
                case "write", key:
                    store.write(frame(str(key)))
                case "fail", key:
                    store.write(failed(str(key)))
                case "index", most:
                    index_batch(db, most)
                case "remove", row:
                    db.execute("DELETE FROM results WHERE id = ?", [row])
                case "move", row:
                    db.execute("UPDATE results SET path = 'inbox/elsewhere' WHERE id = ?", [row])
                case _:
                    db.execute("DELETE FROM results")
        db.execute("INSERT INTO results_text (results_text, rank) VALUES ('integrity-check', 0)")
        expected = [row for (row,) in db.execute("SELECT id FROM results WHERE id <= ?", [up_to(db)])]
        assert indexed(db) == expected
        while index_batch(db):
            pass
        assert indexed(db) == [row for (row,) in db.execute("SELECT id FROM results")]
        db.execute("INSERT INTO results_text (results_text, rank) VALUES ('integrity-check', 1)")
