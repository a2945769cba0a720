"""What a folder remembers in the database."""

import sqlite3

import pytest
from machines import Machine

from edgecls.database import seen_file_rows
from edgecls.database.seen_file_rows import SeenFileRows
from edgecls.database.store import Store
from edgecls.errors import Unavailable
from edgecls.images.frame_key import name_in

SOURCE = "folder:inbox"
STATE, OTHER = (10, 1_764_000_000_123_456_789, 1_764_000_001_123_456_789), (11, 2, 3)
DIGEST = "0123456789abcdef" * 2


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "results.db") as store:
        Machine().begin(store)
        yield store


def write(store, name, digest=DIGEST):
    """A row; its key."""
    store.write(Machine().frame(f"{name}#{digest}", source=SOURCE))
    return f"{name}#{digest}"


def known(store, source=SOURCE):
    return {name_in(key): state for key, state in SeenFileRows(store, source).take_known()}


def test_what_was_remembered_is_known(store):
    seen = SeenFileRows(store, SOURCE)
    for name in ("a.jpg", "sub/b.jpg", "a.jpg#1.jpg", "h\u00e9.jpg"):
        seen.remember(name, write(store, name), STATE)
    assert known(store) == {}
    seen.flush()
    assert known(store) == dict.fromkeys(("a.jpg", "sub/b.jpg", "a.jpg#1.jpg", "h\u00e9.jpg"), STATE)
    assert known(store, "folder:other") == {}


def test_of_a_file_that_has_changed_only_the_last_state_is_known(store):
    seen = SeenFileRows(store, SOURCE)
    seen.remember("a.jpg", write(store, "a.jpg"), STATE)
    seen.flush()
    seen.remember("a.jpg", write(store, "a.jpg", "f" * 32), OTHER)
    seen.flush()
    assert known(store) == {"a.jpg": OTHER}
    assert store.database.execute("SELECT count(*) FROM seen_files").fetchone() == (1,)


def test_what_is_forgotten_is_gone(store):
    seen = SeenFileRows(store, SOURCE)
    for name in ("a.jpg", "b.jpg"):
        seen.remember(name, write(store, name), STATE)
    seen.flush()
    seen.forget("a.jpg")
    seen.flush()
    assert known(store) == {"b.jpg": STATE}


def test_a_file_whose_row_was_removed_is_not_known(store):
    """By hand, to have it classified again. One that retention has removed stays known."""
    seen = SeenFileRows(store, SOURCE)
    for name in ("a.jpg", "b.jpg"):
        seen.remember(name, write(store, name), STATE)
    seen.flush()
    store.database.execute("DELETE FROM results")
    store.database.execute("INSERT INTO pruned_keys VALUES (?, ?, 0)", [SOURCE, f"b.jpg#{DIGEST}"])
    assert known(store) == {"b.jpg": STATE}


def test_a_name_that_is_no_text(store):
    """It is stored as text that is not its name: the file is read again."""
    seen = SeenFileRows(store, SOURCE)
    seen.remember("\udce9.jpg", write(store, "\udce9.jpg"), STATE)
    seen.flush()
    assert "\udce9.jpg" not in known(store)


def test_it_is_written_many_files_at_a_time(store, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(seen_file_rows.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(seen_file_rows, "MAX_PENDING", 3)
    seen = SeenFileRows(store, SOURCE)

    def after(name):
        seen.remember(name, write(store, name), STATE)
        return len(known(store))

    assert [after("a"), after("b"), after("c"), after("d")] == [0, 0, 3, 3]
    now[0] += seen_file_rows.FLUSH_AFTER_S
    assert [after("e"), after("f")] == [5, 5]


def test_a_database_that_is_held_is_left_for_the_next_time(tmp_path):
    path = tmp_path / "held.db"
    with Store(path, busy_timeout=0.01) as store:
        Machine().begin(store)
        seen = SeenFileRows(store, SOURCE)
        seen.remember("a", write(store, "a"), STATE)
        key = write(store, "b")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        seen._due = 0.0
        seen.remember("b", key, STATE)
        with pytest.raises(Unavailable):
            seen.flush()
        other.execute("ROLLBACK")
        other.close()
        assert known(store) == {}
        seen.flush()
        assert known(store) == {"a": STATE, "b": STATE}


def test_a_key_that_has_its_row(store):
    seen = SeenFileRows(store, SOURCE)
    write(store, "a.jpg")
    store.database.execute("INSERT INTO pruned_keys VALUES (?, ?, 0)", [SOURCE, f"b.jpg#{DIGEST}"])
    assert [seen.has_row(f"{name}#{DIGEST}") for name in ("a.jpg", "b.jpg", "c.jpg")] == [True, True, False]
    assert not SeenFileRows(store, "folder:other").has_row(f"a.jpg#{DIGEST}")
