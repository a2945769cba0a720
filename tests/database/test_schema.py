import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest
from example_rows import NOON, begin, frame

from edgecls.database.connection import BUSY_TIMEOUT_S
from edgecls.database.reading import open_results
from edgecls.database.row_values import escape_surrogates
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.store import Store
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import BadDatabase, InputNotFound, IoFailed

FOREIGN = "CREATE TABLE results (id INTEGER PRIMARY KEY, time REAL)"


def execute(path, *statements):
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


@pytest.fixture(params=[open_results, Store], ids=["reader", "writer"])
def opener(request):
    return request.param


@pytest.mark.usefixtures("store")
def test_the_tables_are_those_of_the_design(read):
    columns = {
        table: [
            (name, "NOT NULL" if required else "") for _, name, _, required, *_ in read(f"PRAGMA table_info({table})")
        ]
        for table in ("models", "runs", "results")
    }
    assert [name for name, _ in columns["models"]] == ["id", "sha256", "name", "labels", "metrics", "first_seen"]
    assert [name for name, _ in columns["runs"]] == [
        "id", "model_id", "device", "source", "version", "config", "started_at", "stopped_at", "stop_reason",
        "boot_id", "boot_offset", "applied_correction", "merged",
    ]  # fmt: skip
    assert columns["results"] == [
        ("id", ""), ("run_id", "NOT NULL"), ("source", "NOT NULL"), ("key", "NOT NULL"), ("path", ""),
        ("captured_at", "NOT NULL"), ("classified_at", "NOT NULL"), ("label", ""), ("score", ""),
        ("top_k", "NOT NULL"), ("decode_ms", ""), ("infer_ms", ""), ("error", ""),
        ("votes", ""), ("saved_bytes", ""),
    ]  # fmt: skip
    assert {row[2:5] for row in read("PRAGMA foreign_key_list(results)")} == {("runs", "run_id", "id")}
    assert {row[2:5] for row in read("PRAGMA foreign_key_list(runs)")} == {("models", "model_id", "id")}


@pytest.mark.usefixtures("store")
def test_newest_first_and_by_label_need_no_scan(read):
    newest = read("EXPLAIN QUERY PLAN SELECT * FROM results ORDER BY classified_at DESC, id DESC")
    by_label = read("EXPLAIN QUERY PLAN SELECT * FROM results WHERE label = 'tabby'")
    assert "results_classified_at" in newest[0][3]
    assert len(newest) == 1  # no sorting step
    assert "results_label" in by_label[0][3]


def test_opening_again_applies_nothing_twice(path, read):
    for _ in range(2):
        Store(path).close()
    assert read("SELECT migration_set, name FROM _sqlite_migrations") == [
        ("edgecls", "m001_models_runs_results"),
        ("edgecls", "m002_votes_saved_frames_retention"),
        ("edgecls", "m003_tallies_search_indexes"),
        ("edgecls", "m004_reviews"),
        ("edgecls", "m005_clock_and_origin"),
        ("edgecls", "m006_bounds_and_days"),
        ("edgecls", "m007_seen_files"),
    ]


def test_the_sqlite3_shell_reads_it(store, path):
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("no sqlite3 shell")
    store.write(frame(label="Höhle"))
    asked = [shell, "-readonly", path, "SELECT label, json_extract(top_k, '$[1].label') FROM results"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "Höhle|lynx\n"


@pytest.mark.parametrize("content", ["time,label\n1,cat\n", "x", "SQLite format 3\0" + 5000 * "x"])
def test_a_file_that_is_not_sqlite(opener, path, content):
    path.write_text(content)
    with pytest.raises(BadDatabase, match=r"results\.db is not a SQLite database"):
        opener(path)
    assert path.read_text() == content


def test_a_damaged_database(opener, store, path):
    for n in range(300):
        store.write(frame(str(n)))
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(4096) + whole[8192:])  # a page of the schema's tables is gone
    with pytest.raises(BadDatabase, match="is damaged"):
        opener(path)


def test_a_foreign_database_is_refused_and_left_as_it_was(opener, path):
    execute(path, FOREIGN)
    before = path.read_bytes()
    with pytest.raises(BadDatabase, match="is not an edgecls results database: name another file"):
        opener(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_foreign_database_with_migrations_of_its_own(opener, path):
    execute(
        path,
        "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)",
        "INSERT INTO _sqlite_migrations VALUES (1, 'cats', 'm001_models_runs_results', '')",
    )
    with pytest.raises(BadDatabase, match="is not an edgecls results database"):
        opener(path)


def test_a_newer_database(opener, path):
    Store(path).close()
    execute(path, "INSERT INTO _sqlite_migrations VALUES (99, 'edgecls', 'm999_future', '')")
    with pytest.raises(BadDatabase, match="was written by a newer edgecls: upgrade edgecls"):
        opener(path)


def test_tables_and_views_that_a_user_added_do_not_matter(opener, path):
    Store(path).close()
    execute(path, "CREATE TABLE notes (result_id, text)", "CREATE VIEW cats AS SELECT * FROM results")
    opener(path).close()


def test_an_empty_file_is_nothing_to_read_but_a_place_to_write(path):
    path.touch()
    with pytest.raises(BadDatabase, match="is empty: no edgecls has written to it yet"):
        open_results(path)
    with Store(path) as store:
        begin(store)


def test_a_missing_file(path):
    with pytest.raises(InputNotFound, match="no such file"):
        open_results(path)
    assert not path.exists()


def test_a_folder_in_place_of_the_file(tmp_path):
    with pytest.raises(BadDatabase, match="it is a folder"):
        open_results(tmp_path)
    with pytest.raises(IoFailed, match="it is a folder"):
        Store(tmp_path)


@pytest.mark.parametrize("name", ["a?mode=memory", "b#c.db", "100%41.db", ":memory:", "Größe 1.db", b"\xff.db"])
def test_any_file_name(tmp_path, name):
    import os

    path = tmp_path / (os.fsdecode(name) if isinstance(name, bytes) else name)
    with Store(path) as store:
        begin(store)
        store.write(frame())
    with closing(open_results(path)) as db:
        assert db.execute("SELECT count(*) FROM results").fetchone() == (1,)
    assert path.is_file()


def test_a_relative_path_belongs_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store("here.db").close()
    assert (tmp_path / "here.db").is_file()
    open_results("here.db").close()


def test_what_is_no_trouble_with_the_file_passes_untranslated(path):
    with pytest.raises(sqlite3.OperationalError, match="no such column"), translate_errors(path):
        raise sqlite3.OperationalError("no such column: clock")


def test_times_and_texts():
    assert format_timestamp(NOON) == "2026-11-24T12:00:00.000Z"
    assert format_timestamp(NOON.replace(microsecond=999_999)) == "2026-11-24T12:00:00.999Z"
    assert escape_surrogates("Größe 🐈 \0") == "Größe 🐈 \0"
    assert escape_surrogates("a\udcff.jpg") == "a\\udcff.jpg"
    assert BUSY_TIMEOUT_S > 1
