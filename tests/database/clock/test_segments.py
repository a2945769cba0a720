"""Rows by a clock that was set while they were written."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import pytest
from counts_check import assert_they_agree
from example_rows import NOON, begin, frame
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import EPOCH, Machine, seconds

from edgecls.database.clock.correction import correct_boot, correct_steps
from edgecls.database.clock.segments import clock_segments
from edgecls.database.clock.system_clock import SystemClock
from edgecls.database.reading import open_results
from edgecls.database.store import CLOCK_WAS_SET, Store
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import UsageError
from edgecls.results.queries.rows import find_rows

YEARS = (NOON - EPOCH).total_seconds()


def rows(path):
    with closing(open_results(path)) as db:
        return {row["key"]: row for row in find_rows(db)}


def test_the_clock_is_set_while_a_run_goes_on(path):
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        begin(store)
        store.write(machine.frame("a"))
        machine.lead, machine.up = YEARS, 20.0
        store.write(machine.frame("b"))
        machine.up = 30.0
        store.end_run("done")
        found = rows(path)
        assert [(key, found[key]["clock"]) for key in "ab"] == [("a", "suspect"), ("b", None)]
        runs = "SELECT stop_reason, started_at, stopped_at FROM runs"
        assert store.database.execute(runs).fetchall() == [
            (CLOCK_WAS_SET, "1970-01-01T00:00:10.000Z", "1970-01-01T00:00:20.000Z"),
            ("done", "2026-11-24T12:00:20.000Z", "2026-11-24T12:00:30.000Z"),
        ]
        assert [run.id for run in correct_steps(store.database)] == [1]
        assert store.database.execute(f"{runs} WHERE id = 1").fetchone()[1:] == (
            "2026-11-24T12:00:10.000Z",
            "2026-11-24T12:00:20.000Z",
        )
        assert store.database.execute("SELECT first_seen FROM models").fetchone() == ("2026-11-24T12:00:10.000Z",)
        found = rows(path)
        assert found["a"]["captured_at"] == found["a"]["classified_at"] == "2026-11-24T12:00:10.000Z"
        assert {row["clock"] for row in found.values()} == {None}
        assert correct_steps(store.database) == []
        assert_they_agree(store.database)


def test_a_frame_that_was_classified_before_the_clock_was_set_has_its_time_from_before(path):
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        begin(store)
        late = machine.frame("late")
        machine.lead, machine.up = YEARS, 11.0
        store.write(late)
        store.write(machine.frame("next"))
        correct_steps(store.database)
    assert [row["classified_at"] for row in rows(path).values()] == [
        "2026-11-24T12:00:11.000Z",
        "2026-11-24T12:00:10.000Z",
    ]


def test_of_rows_that_are_written_together_each_gets_the_clock_that_it_had(path):
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        begin(store)
        before = [machine.frame("a"), machine.frame("b")]
        machine.lead, machine.up = YEARS, 11.0
        store.write_many([*before, machine.frame("c")])
        runs = "SELECT key, run_id FROM results ORDER BY results.id"
        assert store.database.execute(runs).fetchall() == [("a", 1), ("b", 1), ("c", 2)]


def test_what_is_known_of_each_boot(path):
    first, second = Machine("first", YEARS), Machine("second")
    with Store(path, clock=first.clock) as store:
        begin(store)
        store.write(first.frame("a"))
    with Store(path, clock=second.clock) as store:
        begin(store)
        store.write(second.frame("b"))
        begin(store)
        store.write(second.frame("c"))
        second.lead = YEARS + 86_400
        begin(store)
        before = clock_segments(store.database)
        correct_steps(store.database)
        after = clock_segments(store.database)
    assert [(one.boot_id, one.runs, one.rows, one.is_unset) for one in before] == [
        ("first", (1,), 1, False), ("second", (2, 3), 2, True), ("second", (4,), 0, False),
    ]  # fmt: skip
    assert [(one.off, one.corrected) for one in before] == [(0, 0), (YEARS + 86_400, 0), (0, 0)]
    assert [(one.boot_id, one.runs, one.off) for one in after] == [
        ("first", (1,), 0), ("second", (2, 3), 0), ("second", (4,), 0),
    ]  # fmt: skip
    assert [one.corrected for one in after] == [0, YEARS + 86_400, 0]
    assert before[1].first == before[1].last == "1970-01-01T00:00:10.000Z"


@pytest.mark.parametrize(
    ("source", "captured", "moves"),
    [
        ("camera:0", 5.0, True),
        ("folder:in", 5.0, True),  # the file was written since the boot, so by this clock
        ("folder:in", -100.0, False),  # from before the boot, by another
        ("folder:in", YEARS, False),  # later than it was classified: by a clock that was right
        ("video:a.mp4", 5.0, False),
        ("gate:video:a.mp4", 5.0, False),
    ],
)
def test_the_time_of_capture_moves_where_it_is_of_this_clock(path, source, captured, moves):
    machine = Machine(lead=86_400.0)
    with Store(path, clock=machine.clock) as store:
        begin(store)
        time = EPOCH + timedelta(seconds=machine.lead + captured)
        store.write(machine.frame("a", source=source, captured_at=time))
        machine.lead += 3600
        begin(store)
        correct_steps(store.database)
    assert rows(path)["a"]["captured_at"] == format_timestamp(time + timedelta(hours=1 if moves else 0))
    assert rows(path)["a"]["classified_at"] == format_timestamp(machine.now())


def test_a_leap_second_and_a_process_that_was_held_up_are_no_jumps(path):
    machine = Machine(lead=YEARS)
    pauses = iter([0.0, 3.0] * 50)

    def wall():
        now = machine.lead + machine.up
        machine.up += next(pauses)  # between the two clocks
        return now

    clock = SystemClock(wall, lambda: machine.up, lambda: "boot")
    with Store(path, clock=clock) as store:
        begin(store)
        for n in range(10):
            machine.lead -= 0.1
            store.write(machine.frame(str(n)))
        assert store.database.execute("SELECT count(*) FROM runs").fetchone() == (1,)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(1, 90_000_000)),  # milliseconds
        st.tuples(st.just("row"), st.just(0)),
        st.tuples(st.just("set"), st.integers(-400_000, 2_000_000_000)),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("boot"), st.integers(0, 1_700_000_000)),
        st.tuples(st.just("correct"), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_after_the_correction_each_row_has_the_time_of_its_boots_last_clock(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("clocks") / "results.db"
    machine = Machine("boot 0", 1_000_000.0)
    written = []  # (machine, seconds since its boot)
    store = Store(path, clock=machine.clock)
    begin(store)
    for n, (step, value) in enumerate(steps):
        if step == "pass":
            machine.up = round(machine.up + value / 1000, 3)
        elif step == "row":
            store.write(machine.frame(str(len(written))))
            written.append((machine, machine.up))
        elif step == "set":
            machine.lead = max(0.0, machine.lead + value)
            begin(store) if value % 2 else store.write(machine.frame(f"set {n}"))  # so that it is known
        elif step == "run":
            begin(store)
        elif step == "boot":
            store.close()
            machine = Machine(f"boot {n}", float(value))
            store = Store(path, clock=machine.clock)
            begin(store)
        else:
            correct_steps(store.database)
    begin(store)
    correct_steps(store.database)
    found = rows(path)
    for key, (one, up) in enumerate(written):
        assert seconds(found[str(key)]["classified_at"]) == pytest.approx(one.lead + up, abs=2.002)
        assert found[str(key)]["captured_at"] == found[str(key)]["classified_at"]
    unset = {key for key, row in found.items() if row["classified_at"] < "2024"}
    assert {key for key, row in found.items() if row["clock"]} == unset
    assert_they_agree(store.database)
    store.close()


def test_a_correction_that_is_killed_goes_on_where_it_was(path):
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        for n in range(5):
            begin(store)
            machine.up += 10
            store.write(machine.frame(str(n)))
        machine.lead = YEARS
        begin(store)
        machine.up += 10
        store.write(machine.frame("right"))
    script = f"""
import os, signal, sys
sys.path[:0] = {sys.path!r}
from edgecls.database.clock import correction as clock_correction
from edgecls.database.store import Store
move, moved = clock_correction.correct_run, []
def killed(db, run, seconds):
    move(db, run, seconds)
    moved.append(run)
    if len(moved) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
clock_correction.correct_run = killed
clock_correction.correct_steps(Store({str(path)!r}).database)
"""
    assert subprocess.run([sys.executable, "-c", script], env=os.environ).returncode == -signal.SIGKILL
    assert [key for key, row in sorted(rows(path).items()) if row["clock"]] == ["2", "3", "4"]
    with Store(path, clock=machine.clock) as store:
        assert [run.id for run in correct_steps(store.database)] == [3, 4, 5]
        assert_they_agree(store.database)
    times = [seconds(row["classified_at"]) - YEARS for _, row in sorted(rows(path).items())]
    assert times == [20, 30, 40, 50, 60, 70]


def test_a_boot_that_never_learnt_the_time(path):
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        for key in "ab":
            begin(store)
            store.write(machine.frame(key))
        assert len(correct_boot(store.database, 1, YEARS)) == 2
        assert_they_agree(store.database)
    assert {(row["classified_at"], row["clock"]) for row in rows(path).values()} == {("2026-11-24T12:00:10.000Z", None)}


def test_a_run_whose_boot_is_not_known_moves_alone(path):
    machine = Machine(boot_id=None)
    with Store(path, clock=machine.clock) as store:
        for key in "ab":
            begin(store)
            store.write(machine.frame(key))
        assert [run.id for run in correct_boot(store.database, 2, YEARS)] == [2]
        with pytest.raises(UsageError, match="there is no run 7: `edgecls clock` lists the runs"):
            correct_boot(store.database, 7, 1.0)
        for far in (-2e9, 1e12):
            with pytest.raises(UsageError, match="would not be in the years 1970 to 9998"):
                correct_boot(store.database, 2, far)


def test_there_and_back_changes_nothing(path):
    machine = Machine(lead=YEARS + 0.123)
    with Store(path, clock=machine.clock) as store:
        begin(store)
        store.write(machine.frame("a"))
        before = rows(path)
        for offset in (12_345.678, -12_345.678):
            correct_boot(store.database, 1, offset)
    assert rows(path) == before


def test_a_run_that_this_machine_still_writes_is_left_alone(path):
    with Store(path) as store:
        run = begin(store)
        store.write(frame("a"))
        with pytest.raises(UsageError, match="run 1 is still being written"):
            correct_boot(store.database, run, 3600)
        store.end_run("done")
        correct_boot(store.database, run, 3600)


def test_a_database_that_nobody_has_migrated_is_read(path):
    machine = Machine()
    with Store(path, clock=machine.clock) as store:
        begin(store)
        store.write(machine.frame("a"))
        store.write(frame("b"))
        for column in ("boot_id", "boot_offset", "applied_correction", "merged"):
            store.database.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        store.database.execute("DROP TABLE hourly_counts")
        store.database.execute("DELETE FROM _sqlite_migrations WHERE name > 'm003'")
        assert {key: row["clock"] for key, row in rows(path).items()} == {"a": "suspect", "b": None}
        (one,) = clock_segments(store.database)
    assert (one.rows, one.boot_id, one.is_unset) == (2, None, True)
