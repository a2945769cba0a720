"""What is derived from the rows is damaged: it is rebuilt, and no row is lost for it."""

import logging
import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from counts_check import assert_they_agree
from example_rows import begin, frame
from merging import inputs
from sqlite_utils import Database

from edgecls.database.reading import open_results
from edgecls.database.retention import Retention
from edgecls.database.search_index import index_batch, is_search_index_sound
from edgecls.database.search_index_schedule import SearchIndex
from edgecls.database.store import Store
from edgecls.errors import BadDatabase, Unavailable
from edgecls.results.merge.merge import merge
from edgecls.results.queries.filters import Filters
from edgecls.results.queries.rows import find_rows

ROWS = 500


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    path = tmp_path_factory.mktemp("indexed") / "results.db"
    with Store(path) as store:
        begin(store)
        store.write_many([frame(f"cat {n}.jpg", n, score=n / ROWS) for n in range(ROWS)])
        while index_batch(store.database):
            pass
        store.end_run("signal")
    return path


@pytest.fixture
def path(indexed, path):
    shutil.copyfile(indexed, path)
    return path


DAMAGE = {
    "blocks": "UPDATE results_text_data SET block = noise(length(block)) WHERE id > 10",
    "structure": "UPDATE results_text_data SET block = x'00' WHERE id = 10",
    "no blocks": "DELETE FROM results_text_data WHERE id > 10",
    "no data": "DELETE FROM results_text_data",
    "no configuration": "DELETE FROM results_text_config",
    "a table is missing": "DROP TABLE results_text_data",
    "another table is missing": "DROP TABLE results_text_idx",
    "the bound is missing": "DELETE FROM results_text_up_to",
}


def damage(path, kind, seed=0):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.create_function("noise", 1, random.Random(seed).randbytes)
        db.execute(DAMAGE[kind])


def test_no_random_blocks_pass_for_an_index(indexed, path):
    """FTS5 reads one in a hundred of them to the end."""
    for seed in range(200):
        shutil.copyfile(indexed, path)
        damage(path, "blocks", seed)
        with closing(Database(path).conn) as connection:
            assert not is_search_index_sound(Database(connection)), seed


def found(path, words):
    with closing(open_results(path)) as db:
        return {row["key"] for row in find_rows(db, Filters(search=words))}


@pytest.mark.parametrize("kind", DAMAGE)
def test_the_start_of_a_daemon_makes_the_search_index_again(path, kind):
    damage(path, kind)
    with Store.open_durably(path) as store:
        assert is_search_index_sound(store.database)
        begin(store)
        store.write(frame("dog.jpg"))
    assert found(path, "cat 7") == {"cat 7.jpg"}
    assert found(path, "dog") == {"dog.jpg"}
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM results_text WHERE results_text MATCH 'jpg'").fetchone() == (ROWS + 1,)
    assert list(path.parent.glob("*.corrupt-*")) == []


@pytest.mark.parametrize("kind", sorted(set(DAMAGE) - {"structure"}))  # that one looks like an index without rows
def test_a_reader_searches_the_rows_instead(path, kind, caplog):
    damage(path, kind)
    assert found(path, "cat 7") == {"cat 7.jpg"}
    assert "the search index is damaged" in caplog.text
    assert found(path, "jpg") == {f"cat {n}.jpg" for n in range(ROWS)}


@pytest.mark.parametrize("kind", sorted(set(DAMAGE) - {"blocks", "no blocks"}))  # which FTS5 does not stumble on
def test_a_running_daemon_mends_it_and_goes_on(path, kind):
    """Rows are indexed, and those that retention removes leave the index."""
    with Store.open_durably(path) as store:
        begin(store)
        words, retention = SearchIndex(store, every=0), Retention(store, days=None, most=ROWS, remember=False, every=0)
        damage(path, kind)
        store.database.conn.close()  # what it has read of the index before is not used any more
    with Store(path) as store:
        begin(store)
        words, retention = SearchIndex(store, every=0), Retention(store, days=None, most=ROWS, remember=False, every=0)
        for n in range(10):
            store.write(frame(f"dog {n}.jpg"))
            for _ in range(3):
                words.catch_up()
                retention.prune()
        while words.catch_up():
            pass
        assert is_search_index_sound(store.database)
        assert store.database.execute("SELECT count(*) FROM results").fetchone() == (ROWS,)
    assert found(path, "cat 7") == set()
    assert found(path, "cat 77") == {"cat 77.jpg"}


def test_what_else_is_damaged_is_not_taken_for_the_index(path):
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pruned_keys'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with Store(path) as store, pytest.raises(BadDatabase, match="is damaged: rescue"), store.access():
        store.database.execute("SELECT * FROM pruned_keys").fetchall()


def test_try_again_is_what_a_write_says_that_found_the_index_damaged(path, caplog):
    damage(path, "no data")
    with Store(path) as store:
        begin(store)
        with pytest.raises(Unavailable, match="the search index was damaged and is being rebuilt"), store.access():
            store.database.execute("UPDATE results SET path = 'x' WHERE id = 1")
        with store.access():
            store.database.execute("UPDATE results SET path = 'x' WHERE id = 1")
    assert "which are all intact" in caplog.text


def test_merging_into_a_database_whose_index_is_damaged(path, tmp_path):
    other = tmp_path / "other.db"
    with Store(other) as store:
        begin(store, device="gate")
        store.write(frame("dog.jpg"))
    damage(path, "no data")
    merge(path, inputs(other))
    assert found(path, "dog") == {"dog.jpg"}
    assert found(path, "cat 7") == {"cat 7.jpg"}


COUNTS = {
    "no table": "DROP TABLE hourly_counts",
    "no days": "DROP TABLE daily_counts",
    "no bound": "DELETE FROM daily_counts_up_to",
    "no trigger": "DROP TRIGGER hourly_counts_on_insert",
    "they disagree": "UPDATE hourly_counts SET rows = rows + 1",
    "they are empty": "DELETE FROM hourly_counts",
    "the days disagree": "INSERT INTO daily_counts VALUES (1, '2026-11-23', 'tabby', 3, 7, 7)",
}


@pytest.mark.parametrize("kind", COUNTS)
def test_counts_that_do_not_agree_with_the_rows_are_made_again(path, kind, caplog):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(COUNTS[kind])
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("dog.jpg", 3000))
    assert "the counts by hour and day did not match the rows: rebuilt" in caplog.text
    with closing(open_results(path)) as db:
        assert_they_agree(db)


@pytest.mark.parametrize("table", ["results_text_data", "results_text_idx", "hourly_counts", "daily_counts_up_to"])
def test_damaged_pages_of_what_is_derived(path, table, caplog):
    """The check after a stop that was not clean finds them: before, the whole database was set aside."""
    caplog.set_level(logging.WARNING)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE runs SET stopped_at = NULL, stop_reason = NULL")
        db.commit()
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xa5" * 4096)
    with Store.open_durably(path) as store:
        begin(store)
        store.write(frame("dog.jpg", 3000))
    assert list(path.parent.glob("*.corrupt-*")) == []
    assert "all rows are intact" in caplog.text
    assert found(path, "cat 7") == {"cat 7.jpg"}
    with closing(open_results(path)) as db:
        assert len(list(find_rows(db))) == ROWS + 1
        assert_they_agree(db)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
