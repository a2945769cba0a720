"""Find the runs whose rows were written while the clock was wrong, and by how much it was wrong.

The clock is not set during a run (see `system_clock`). If a later run of the same boot has another boot offset, the clock was
set in between. The last run of a boot counts as right: its boot offset minus that of an earlier run is the error of that run.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from edgecls.database.clock.system_clock import STEP_S, SYSTEM_CLOCK, UNSET_BEFORE, is_step
from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp, parse_timestamp


@dataclass(frozen=True, slots=True)
class ClockRun:
    """A row of `runs` as far as its clock goes.

    `boot_offset`: system clock minus time since boot [s]; None if unknown. `applied_correction`: seconds added to the times
    since they were written. `error_s`: seconds still to be added, 0 if the clock was not set later in the same boot.
    """

    id: int
    device: str
    boot_id: str | None
    boot_offset: float | None
    applied_correction: float
    started_at: datetime
    stopped_at: datetime | None
    is_open: bool
    error_s: float = 0.0

    @property
    def is_unset(self) -> bool:
        """Return whether the clock had never been set."""
        return self.started_at < UNSET_BEFORE

    @property
    def started_after_boot_s(self) -> float:
        """Return the seconds from the boot to the start of the run, by the clock that cannot be set; 0 if unknown."""
        return 0.0 if self.boot_offset is None else self.started_at.timestamp() - self.boot_offset

    @property
    def may_be_running(self) -> bool:
        """Return whether the run may still be written: it has no end, and belongs to this boot of this machine."""
        return self.is_open and self.boot_id is not None and self.boot_id == SYSTEM_CLOCK.boot_id


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """Consecutive runs of one boot between which the clock was not set; a single run if its boot is unknown.

    The `rows` have times from `first` to `last`. `error_s`: seconds to add to them. `applied_correction`: seconds added
    since they were written. `is_unset`: the times are before 2024.
    """

    device: str
    boot_id: str | None
    runs: tuple[int, ...]
    rows: int
    first: str
    last: str
    error_s: float
    applied_correction: float
    is_unset: bool


SUSPECT_RUNS = f"""
    SELECT id FROM (
        SELECT id, boot_offset - first_value(boot_offset) OVER (
            PARTITION BY boot_id ORDER BY julianday(started_at) * 86400.0 - boot_offset DESC, id DESC
        ) AS error_s FROM runs WHERE boot_id IS NOT NULL AND boot_offset IS NOT NULL
    ) WHERE abs(error_s) > {STEP_S}
"""  # noqa: S608 - a constant
"""SQL: the ids of the runs whose clock was set later in the same boot and whose times are not corrected."""


def suspect_time_sql(db: Database) -> str:
    """Return an SQL expression over `results`: 'suspect' if the clock was wrong or unset when the row was written, else null."""
    # The runs are few: look them up once, not for each page of rows.
    runs = ", ".join(str(int(run_id)) for (run_id,) in db.execute(SUSPECT_RUNS))
    return f"CASE WHEN classified_at < '{format_timestamp(UNSET_BEFORE)}' OR run_id IN ({runs}) THEN 'suspect' END"


def clock_runs(db: Database) -> list[ClockRun]:
    """Return all runs, in order of writing."""
    runs = [_read_run(*row) for row in db.execute(_RUNS)]
    right = _last_offsets(runs)
    return [replace(run, error_s=_error(run, right)) for run in runs]


def clock_segments(db: Database) -> list[ClockSegment]:
    """Return the clock segments of all runs, in order of writing. Raises BadDatabase if the file is damaged."""
    with translate_errors(database_path(db)):
        extents = _row_extents(db)
        groups: list[list[ClockRun]] = []
        for run in clock_runs(db):
            last = groups[-1][-1] if groups else None
            if last and have_same_clock(last, run) and not is_step(last.applied_correction, run.applied_correction):
                groups[-1].append(run)
            else:
                groups.append([run])
    return [_segment(runs, extents) for runs in groups]


def have_same_clock(one: ClockRun, other: ClockRun) -> bool:
    """Return whether the two runs belong to one boot and the clock was not set in between.

    A run of an unknown boot has the same clock as itself only.
    """
    if one.boot_id is None or other.boot_offset is None or (one.boot_id, one.device) != (other.boot_id, other.device):
        return one.id == other.id
    return not is_step(one.boot_offset, other.boot_offset)


_RUNS = """
    SELECT id, device, boot_id, boot_offset, applied_correction, started_at, stopped_at, stop_reason
    FROM runs ORDER BY id
"""


def _read_run(
    run_id: int, device: str, boot_id: str | None, boot_offset: float | None, applied_correction: float, started_at: str,
    stopped_at: str | None, stop_reason: str | None,
) -> ClockRun:  # fmt: skip
    return ClockRun(
        run_id,
        device,
        boot_id,
        boot_offset,
        applied_correction,
        parse_timestamp(started_at),
        None if stopped_at is None else parse_timestamp(stopped_at),
        is_open=stopped_at is None and stop_reason is None,
    )


def _last_offsets(runs: Iterable[ClockRun]) -> dict[str, float]:
    """Return boot id -> boot offset of its last run. Merged databases may hold the runs of a boot in any order."""
    last: dict[str, ClockRun] = {}
    for run in runs:
        if run.boot_id is not None and run.boot_offset is not None:
            known = last.get(run.boot_id)
            if known is None or (run.started_after_boot_s, run.id) >= (known.started_after_boot_s, known.id):
                last[run.boot_id] = run
    return {boot: run.boot_offset for boot, run in last.items() if run.boot_offset is not None}


def _error(run: ClockRun, right: dict[str, float]) -> float:
    if run.boot_id is None or run.boot_offset is None:
        return 0.0
    error = right[run.boot_id] - run.boot_offset
    return error if is_step(0.0, error) else 0.0


_Extent = tuple[int, str, str]


def _row_extents(db: Database) -> dict[int, _Extent]:
    """Return run id -> (number of its rows, their first time, their last time)."""
    counts = db.execute("SELECT run_id, sum(rows), min(hour), max(hour) FROM hourly_counts GROUP BY run_id").fetchall()
    return {
        run: (rows, _extreme_time(db, "min", run, first), _extreme_time(db, "max", run, last))
        for run, rows, first, last in counts
    }


def _extreme_time(db: Database, function: str, run: int, hour: str) -> str:
    """Return the first (min) or last (max) time of the run's rows within an hour, by the index on the time."""
    sql = f"SELECT {function}(classified_at) FROM results WHERE run_id = ? AND classified_at BETWEEN ? AND ?"  # noqa: S608
    return str(db.execute(sql, (run, hour, hour + "~")).fetchone()[0])


def _segment(runs: list[ClockRun], extents: dict[int, _Extent]) -> ClockSegment:
    with_rows = [extents[run.id] for run in runs if run.id in extents]
    started_at, newest = format_timestamp(runs[0].started_at), runs[-1]
    return ClockSegment(
        newest.device,
        newest.boot_id,
        tuple(run.id for run in runs),
        rows=sum(rows for rows, _, _ in with_rows),
        first=min((first for _, first, _ in with_rows), default=started_at),
        last=max((last for _, _, last in with_rows), default=started_at),
        error_s=round(newest.error_s, 3),
        applied_correction=round(newest.applied_correction, 3),
        is_unset=any(run.is_unset for run in runs),
    )
