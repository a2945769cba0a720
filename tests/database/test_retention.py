"""Rows that go with time."""

import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone

import pytest
from example_rows import begin, failed, frame
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.database import connection, retention
from edgecls.database.clock.system_clock import TRUSTED_AFTER_S, SystemClock
from edgecls.database.retention import Retention
from edgecls.database.store import Store


class Clocks:
    """The clock as it is, plus a jump, and the one that counts from boot; a day may pass for both."""

    def __init__(self, jump=0.0):
        self.jump, self.passed = jump, 0.0
        self.steady = SystemClock(lambda: time.time() + self.jump + self.passed, lambda: time.time() + self.passed)


def trusted():
    clocks = Clocks()
    clocks.passed = TRUSTED_AFTER_S
    return clocks.steady


def keep(store, *, days=None, most=None, remember=False, every=0.0, clock=None):
    return Retention(store, days=days, most=most, remember=remember, every=every, clock=clock or trusted())


def days_ago(days):
    return {"classified_at": datetime.now(timezone.utc) - timedelta(days=days)}


def keys(store):
    return [key for (key,) in store.database.execute("SELECT key FROM results ORDER BY id")]


def test_the_newest_stay(store):
    for n in range(10):
        store.write(frame(str(n)))
    assert keep(store, most=3).prune() == 7
    assert keys(store) == ["7", "8", "9"]
    assert keep(store, most=3).prune() == 0


def test_the_young_stay(store):
    for days in (40, 5, 31, 0, 29):
        store.write(frame(str(days), **days_ago(days)))
    assert keep(store, days=30).prune() == 2
    assert keys(store) == ["5", "0", "29"]


@pytest.mark.parametrize("jump", [-400 * 86_400, 400 * 86_400])
def test_a_clock_that_jumps_makes_nothing_old(store, monkeypatch, jump):
    """Not even after a reload, which restarts with the rows that were written since; then it is believed."""
    for days in (5, 4, 3, 2, 1, 0):
        store.write(frame(str(days), **days_ago(days + 0.01)))
    clocks = Clocks()
    pruned = keep(store, days=3, clock=clocks.steady)
    assert pruned.prune() == 3  # the clock goes on from the rows
    clocks.jump = jump
    monkeypatch.setattr(retention, "datetime", Shifted(clocks))
    assert pruned.prune() == 0
    store.write(frame("later", classified_at=Shifted(clocks).now(timezone.utc)))
    assert keep(store, days=3, clock=clocks.steady).prune() == 0
    clocks.jump = 0.0
    assert pruned.prune() == 0
    clocks.passed = TRUSTED_AFTER_S - 60
    assert pruned.prune() == 0
    clocks.passed = TRUSTED_AFTER_S + 60
    assert pruned.prune() == (1 if jump > 0 else 2)
    assert len(keys(store)) == (3 if jump > 0 else 2)


class Shifted:
    """`datetime`, with the time of the clocks."""

    fromisoformat = datetime.fromisoformat

    def __init__(self, clocks):
        self.clocks = clocks

    def now(self, zone):
        return datetime.now(zone) + timedelta(seconds=self.clocks.jump + self.clocks.passed)


def test_a_start_far_from_the_newest_rows_waits_for_a_day(store):
    for days in (900, 899, 400):
        store.write(frame(str(days), **days_ago(days)))
    clocks = Clocks()
    pruned = keep(store, days=365, clock=clocks.steady)
    assert pruned.prune() == 0
    clocks.passed = TRUSTED_AFTER_S + 1
    assert pruned.prune() == 3


def test_a_start_by_a_clock_with_which_rows_were_written_already_waits_too(store):
    """It jumped, and the daemon was started again: the newest rows agree, those before them do not."""
    for days in (400.1, 400, 0.1, 0):
        store.write(frame(str(days), **days_ago(days)))
    assert keep(store, days=365, clock=Clocks().steady).prune() == 0


def test_rows_of_a_clock_that_was_not_set_go_with_those_after_them(store):
    def at(key, day):
        store.write(frame(key, classified_at=day))

    unset = datetime(1970, 1, 1, tzinfo=timezone.utc)
    at("first boot", unset)
    store.write(frame("b", **days_ago(40)))
    at("second boot", unset + timedelta(seconds=5))
    store.write(frame("d", **days_ago(20)))
    store.write(frame("e", **days_ago(0)))
    at("third boot", unset)
    assert keep(store, days=50).prune() == 0
    assert keep(store, days=30).prune() == 2
    assert keys(store) == ["second boot", "d", "e", "third boot"]
    assert keep(store, days=10).prune() == 2
    assert keys(store) == ["e", "third boot"]


def test_both_limits_hold(store):
    for days in (9, 8, 2, 1, 0):
        store.write(frame(str(days), **days_ago(days)))
    assert keep(store, days=5, most=2).prune() == 3
    assert keys(store) == ["1", "0"]


def test_without_limits_everything_stays(store):
    store.write(frame(**days_ago(10_000)))
    assert keep(store).prune() == 0


def test_a_batch_at_a_time_until_the_backlog_is_gone_then_rarely(store, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 4)
    for n in range(11):
        store.write(frame(str(n)))
    pruned = keep(store, most=1, every=3600)
    assert [pruned.prune() for _ in range(4)] == [4, 4, 2, 0]
    store.write(frame("later"))
    assert pruned.prune() == 0  # it is not yet time to look again


def test_a_forgotten_frame_is_not_classified_again(store, path):
    store.write(frame("a.jpg"))
    store.write(failed("b\udcff.jpg"))
    store.write(frame("c.jpg"))
    keep(store, most=1, remember=True).prune()
    assert keys(store) == ["c.jpg"]
    store.close()
    with Store(path) as later:
        assert (later.has("folder", "a.jpg"), later.failed("folder", "a.jpg")) == (True, False)
        assert later.failed("folder", "b\udcff.jpg") is True
        assert later.failed("camera", "a.jpg") is None


def test_where_files_do_not_stay_nothing_is_remembered(store):
    store.write(frame("a.jpg"))
    store.write(frame("b.jpg"))
    keep(store, most=1).prune()
    assert not store.has("folder", "a.jpg")
    assert store.database.execute("SELECT count(*) FROM pruned_keys").fetchone() == (0,)


def test_a_row_whose_frame_is_saved_stays_until_that_goes(store):
    store.write(frame("a", path="frames/a.jpg", saved_bytes=1000))
    store.write(frame("b"))
    store.write(frame("c"))
    pruned = keep(store, most=1)
    assert pruned.prune() == 1
    assert keys(store) == ["a", "c"]
    store.database.execute("UPDATE results SET saved_bytes = NULL")
    assert pruned.prune() == 1
    assert keys(store) == ["c"]


def test_a_file_that_is_held_is_left_for_the_next_time(path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.02)
    with Store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        begin(store)
        store.write(frame("a"))
        store.write(frame("b"))
        other.execute("BEGIN IMMEDIATE")
        pruned = keep(store, most=1)
        assert pruned.prune() == 0
        other.execute("ROLLBACK")
        assert pruned.prune() == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("shared") / "results.db") as store:
        begin(store)
        yield store


@settings(max_examples=30)
@given(
    ages=st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=30),
    days=st.none() | st.integers(1, 20),
    most=st.none() | st.integers(1, 20),
)
def test_what_stays_is_what_the_limits_allow(shared, ages, days, most):
    shared.database.execute("DELETE FROM results")
    now = datetime.now(timezone.utc) + timedelta(hours=1)
    with shared.database.atomic():
        for n, (age, saved) in enumerate(ages):
            at = now - timedelta(days=age)
            shared.write(frame(str(n), classified_at=at, saved_bytes=1 if saved else None))
    pruned = keep(shared, days=days, most=most)
    while pruned.prune():
        pass
    newest = range(len(ages))[-most:] if most else range(len(ages))
    stay = [n for n, (age, saved) in enumerate(ages) if saved or (n in newest and (days is None or age <= days))]
    assert keys(shared) == [str(n) for n in stay]


def test_no_scan(store):
    for sql, values in (
        (retention._TOO_MANY, (5, 9)),
        (retention._TOO_OLD, ("2024", "2026", 9)),
        (retention._UNDATED, ("2024", 9, 9)),
    ):
        plan = [step[3] for step in store.database.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert not [step for step in plan if step.startswith("SCAN results")], plan
