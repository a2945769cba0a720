"""Putting right the times of rows that a clock that was wrong has written."""

from datetime import datetime, timedelta, timezone

from sqlite_utils import Database

from edgecls.database.clock.segments import ClockRun, clock_runs, have_same_clock
from edgecls.database.connection import database_path, write_transaction
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import UsageError

_EARLIEST = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = datetime(9999, 12, 31, tzinfo=timezone.utc)


def correct_steps(db: Database) -> list[ClockRun]:
    """Move the times of all rows before a known jump of the clock; returns the runs that were moved.

    A run at a time is a transaction: an interrupted correction has moved some runs as a whole, and the next goes on with
    the others. A run that is still being written is left for the next time.
    """
    moved: list[ClockRun] = []
    with translate_errors(database_path(db)):
        while True:
            with write_transaction(db):
                run = next((run for run in clock_runs(db) if run.off and not run.is_being_written), None)
                if run is None:
                    return moved
                correct_run(db, run, run.off)
            moved.append(run)


def correct_boot(db: Database, run_id: int, seconds: float) -> list[ClockRun]:
    """Move the times of run `run_id`, and of the runs of its boot by the same clock; returns these runs.

    All in one transaction: half of them would no longer be known to belong to the others.

    Raises:
        UsageError: there is no such run; it is still being written; or its times would leave the years 1970 to 9999.
    """
    with translate_errors(database_path(db)), write_transaction(db):
        runs = {run.id: run for run in clock_runs(db)}
        if run_id not in runs:
            raise UsageError(f"there is no run {run_id}: `edgecls clock` lists the runs")
        chosen = [run for run in runs.values() if have_same_clock(runs[run_id], run)]
        for run in chosen:
            if run.is_being_written:
                raise UsageError(f"run {run.id} is still being written: set the clock of this machine, or end it first")
            _check_range(run, seconds)
            correct_run(db, run, seconds)
    return chosen


def correct_run(db: Database, run: ClockRun, seconds: float) -> None:
    """Move the times of a run and its rows by `seconds`, inside a transaction; the hourly_counts follow by trigger.

    `classified_at` is the clock's; `captured_at` where it lies between the boot, by that clock, and `classified_at`: a
    camera's always does; a file's time of modification does if this machine wrote the file since, and else is the
    time of another clock, and stays. So does that of a video, whose frames are counted from the file's time.
    """
    seconds = round(seconds, 3)  # as the times; so that what was moved can be moved back to the same text
    first, last = _hours(db, run.id)
    boot = format_timestamp(run.started_at if run.lead is None else _EARLIEST + timedelta(seconds=run.lead))
    by = f"{seconds:+.3f} seconds"
    began = format_timestamp(run.started_at)
    values = {"run": run.id, "by": by, "boot": boot, "first": first, "last": last, "seconds": seconds, "began": began}
    for statement in (_MOVE_ROWS, _MOVE_MODEL, _MOVE_RUN):
        db.execute(statement, values)


# SQLite counts in whole milliseconds. A range of the index: nothing else finds the rows of a run among millions.
_MOVED = "strftime('%Y-%m-%dT%H:%M:%fZ', {column}, :by)"
_MOVE_ROWS = f"""
    UPDATE results SET
        captured_at = CASE
            WHEN captured_at BETWEEN :boot AND classified_at AND instr(':' || source, ':video:') = 0
            THEN {_MOVED.format(column="captured_at")} ELSE captured_at END,
        classified_at = {_MOVED.format(column="classified_at")}
    WHERE run_id = :run AND classified_at BETWEEN :first AND :last
"""  # noqa: S608 - constants
_MOVE_MODEL = f"""
    UPDATE models SET first_seen = {_MOVED.format(column="first_seen")}
    WHERE first_seen = :began AND id = (SELECT model_id FROM runs WHERE id = :run)
"""  # noqa: S608 - constants
_MOVE_RUN = f"""
    UPDATE runs SET started_at = {_MOVED.format(column="started_at")}, stopped_at = {_MOVED.format(column="stopped_at")},
        boot_offset = boot_offset + :seconds, applied_correction = applied_correction + :seconds
    WHERE id = :run
"""  # noqa: S608 - constants


def _hours(db: Database, run_id: int) -> tuple[str, str]:
    """A range of `classified_at` in which all rows of the run lie; one in which none lies if there are none."""
    first, last = db.execute("SELECT min(hour), max(hour) FROM hourly_counts WHERE run_id = ?", (run_id,)).fetchone()
    return (first or "", f"{last or ''}~")  # ~ sorts after every time in that hour


def _check_range(run: ClockRun, seconds: float) -> None:
    """A day for the rows after the last time that is known of the run."""
    try:
        moved = [time + timedelta(seconds=seconds) for time in (run.started_at, run.stopped_at) if time]
    except OverflowError:
        moved = [_LATEST]
    if min(moved) < _EARLIEST or max(moved) >= _LATEST:
        raise UsageError(f"run {run.id} would not be in the years 1970 to 9998: give the offset as 3d4h, or -2h30m")
