"""Correct the times of rows that were written while the clock was wrong."""

from datetime import datetime, timedelta, timezone

from sqlite_utils import Database

from edgecls.database.clock.segments import ClockRun, clock_runs, have_same_clock
from edgecls.database.connection import database_path, write_transaction
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import UsageError

_EARLIEST = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = datetime(9999, 12, 31, tzinfo=timezone.utc)


def correct_known_errors(db: Database) -> list[ClockRun]:
    """Correct the times of all runs whose clock error is known; return these runs.

    Each run is one transaction: if this is interrupted, whole runs are corrected, and the next call continues with the
    others. A run that is still being written is left for the next call.
    """
    corrected: list[ClockRun] = []
    with translate_errors(database_path(db)):
        while True:
            with write_transaction(db):
                run = next((run for run in clock_runs(db) if run.error_s and not run.may_be_running), None)
                if run is None:
                    return corrected
                correct_run(db, run, run.error_s)
            corrected.append(run)


def correct_boot(db: Database, run_id: int, seconds: float) -> list[ClockRun]:
    """Add `seconds` to the times of run `run_id` and of the runs of its boot by the same clock; return these runs.

    This is one transaction: if only some of the runs were moved, they would no longer be known to have the same clock.

    Raises:
        UsageError: there is no such run, it is still being written, or its times would leave the years 1970 to 9998.
    """
    with translate_errors(database_path(db)), write_transaction(db):
        runs = {run.id: run for run in clock_runs(db)}
        if run_id not in runs:
            raise UsageError(f"unknown run {run_id}: `edgecls clock` lists the runs")
        chosen = [run for run in runs.values() if have_same_clock(runs[run_id], run)]
        for run in chosen:
            if run.may_be_running:
                raise UsageError(
                    f"run {run.id} is still being written: set the clock of this machine, or stop the run first"
                )
            _check_range(run, seconds)
            correct_run(db, run, seconds)
    return chosen


def correct_run(db: Database, run: ClockRun, seconds: float) -> None:
    """Add `seconds` to the times of a run and its rows, inside a transaction; triggers adjust the counts.

    `classified_at` is always of the wrong clock. `captured_at` is if it lies between the boot, by that clock, and
    `classified_at`: a camera's always does, a file's modification time does if this machine has written the file since the
    boot. Otherwise it comes from another clock and stays, as do the times of a video's frames, which count from the file's.
    """
    seconds = round(seconds, 3)  # as the times, so that the opposite correction restores the same text
    first, last = _time_range(db, run.id)
    boot = run.started_at if run.boot_offset is None else _EARLIEST + timedelta(seconds=run.boot_offset)
    values = {
        "run": run.id,
        "modifier": f"{seconds:+.3f} seconds",
        "boot": format_timestamp(boot),
        "first": first,
        "last": last,
        "seconds": seconds,
        "started_at": format_timestamp(run.started_at),
    }
    for statement in (_CORRECT_ROWS, _CORRECT_MODEL, _CORRECT_RUN):
        db.execute(statement, values)


# The range lets SQLite use the index on classified_at: there is none on run_id. %f has milliseconds.
_CORRECTED = "strftime('%Y-%m-%dT%H:%M:%fZ', {column}, :modifier)"
_CORRECT_ROWS = f"""
    UPDATE results SET
        captured_at = CASE
            WHEN captured_at BETWEEN :boot AND classified_at AND instr(':' || source, ':video:') = 0
            THEN {_CORRECTED.format(column="captured_at")} ELSE captured_at END,
        classified_at = {_CORRECTED.format(column="classified_at")}
    WHERE run_id = :run AND classified_at BETWEEN :first AND :last
"""  # noqa: S608 - constants
_CORRECT_MODEL = f"""
    UPDATE models SET first_seen = {_CORRECTED.format(column="first_seen")}
    WHERE first_seen = :started_at AND id = (SELECT model_id FROM runs WHERE id = :run)
"""  # noqa: S608 - constants
_CORRECT_RUN = f"""
    UPDATE runs SET started_at = {_CORRECTED.format(column="started_at")},
        stopped_at = {_CORRECTED.format(column="stopped_at")},
        boot_offset = boot_offset + :seconds, applied_correction = applied_correction + :seconds
    WHERE id = :run
"""  # noqa: S608 - constants


def _time_range(db: Database, run_id: int) -> tuple[str, str]:
    """Return a range of `classified_at` that contains all rows of the run; an empty one if it has none."""
    first, last = db.execute("SELECT min(hour), max(hour) FROM hourly_counts WHERE run_id = ?", (run_id,)).fetchone()
    return (first or "", f"{last or ''}~")  # ~ sorts after every time in that hour


def _check_range(run: ClockRun, seconds: float) -> None:
    # A day is left for the rows after the last known time of the run.
    try:
        times = [time + timedelta(seconds=seconds) for time in (run.started_at, run.stopped_at) if time]
    except OverflowError:
        times = [_LATEST]
    if min(times) < _EARLIEST or max(times) >= _LATEST:
        raise UsageError(f"run {run.id} would leave the years 1970 to 9998: check --offset (such as 3d4h or -2h30m)")
