"""What is known of the clocks that rows have their times of.

A run's times are of one clock (see `system_clock`). Where a later run of the same boot has another, the clock was set in
between, and by how much is known: the last one counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from edgecls.database.clock.system_clock import STEP_S, SYSTEM_CLOCK, UNSET_BEFORE, is_step
from edgecls.database.connection import database_path
from edgecls.database.derived import are_tallied
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp, parse_timestamp


@dataclass(frozen=True, slots=True)
class ClockRun:
    """A row of `runs`; `off`: seconds by which the clock was set later in this boot, 0 if it was not."""

    id: int
    device: str
    boot_id: str | None
    lead: float | None
    shift: float
    started_at: datetime
    stopped_at: datetime | None
    is_open: bool
    off: float = 0.0

    @property
    def is_unset(self) -> bool:
        """Whether nobody had set the clock."""
        return self.started_at < UNSET_BEFORE

    @property
    def booted_before(self) -> float:
        """Seconds from the boot to the start of the run, whatever its clock; of a run without a boot, 0."""
        return 0.0 if self.lead is None else self.started_at.timestamp() - self.lead

    @property
    def is_being_written(self) -> bool:
        """Whether it may go on: nothing has ended it, and it is of this machine, which has not been started anew."""
        return self.is_open and self.boot_id is not None and self.boot_id == SYSTEM_CLOCK.boot_id


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """Runs of one boot that were written by one clock. `boot_id` is None where it is not known; then it is one run.

    `rows` have times between `first` and `last`. `off`: seconds that these times must be moved by, `corrected`: that
    they have been moved by since they were written. `is_unset`: they are from before 2024.
    """

    device: str
    boot_id: str | None
    runs: tuple[int, ...]
    rows: int
    first: str
    last: str
    off: float
    corrected: float
    is_unset: bool


SUSPECT_RUNS = f"""
    SELECT id FROM (
        SELECT id, boot_offset - first_value(boot_offset) OVER (
            PARTITION BY boot_id ORDER BY julianday(started_at) * 86400.0 - boot_offset DESC, id DESC
        ) AS off FROM runs WHERE boot_id IS NOT NULL AND boot_offset IS NOT NULL
    ) WHERE abs(off) > {STEP_S}
"""  # noqa: S608 - a constant
"""SQL: the ids of the runs whose clock was set later in the same boot, and whose times have not been corrected."""


def suspect_time_sql(db: Database) -> str:
    """SQL: 'suspect' for a row of `results` whose times are of a clock that was wrong or that nobody had set, else null."""
    conditions = [f"classified_at < '{format_timestamp(UNSET_BEFORE)}'"]
    if knows_boots(db):
        # Found once, and not for each page of rows: they are few.
        suspect = ", ".join(str(int(run_id)) for (run_id,) in db.execute(SUSPECT_RUNS))
        conditions.append(f"run_id IN ({suspect})")
    return f"CASE WHEN {' OR '.join(conditions)} THEN 'suspect' END"


def clock_runs(db: Database) -> list[ClockRun]:
    """All runs, in order of writing."""
    boots = "boot_id, boot_offset, applied_correction" if knows_boots(db) else "NULL, NULL, 0.0"
    sql = f"SELECT id, device, {boots}, started_at, stopped_at, stop_reason FROM runs ORDER BY id"  # noqa: S608
    runs = [_run(*row) for row in db.execute(sql)]
    leads = _last_leads(runs)
    return [replace(run, off=_off(run, leads)) for run in runs]


def clock_segments(db: Database) -> list[ClockSegment]:
    """What is known of the clocks, in order of writing. Raises BadDatabase if the file turns out damaged."""
    with translate_errors(database_path(db)):
        spans = _spans(db)
        groups: list[list[ClockRun]] = []
        for run in clock_runs(db):
            if groups and have_same_clock(last := groups[-1][-1], run) and not is_step(last.shift, run.shift):
                groups[-1].append(run)
            else:
                groups.append([run])
    return [_stretch(runs, spans) for runs in groups]


def have_same_clock(one: ClockRun, two: ClockRun) -> bool:
    """Whether they are of one boot, and the clock was not set in between; where the boot is not known, of one run."""
    if one.boot_id is None or two.lead is None or (one.boot_id, one.device) != (two.boot_id, two.device):
        return one.id == two.id
    return not is_step(one.lead, two.lead)


def _run(
    run_id: int, device: str, boot_id: str | None, lead: float | None, shift: float, started: str, stopped: str | None,
    reason: str | None,
) -> ClockRun:  # fmt: skip
    ended = None if stopped is None else parse_timestamp(stopped)
    return ClockRun(
        run_id, device, boot_id, lead, shift, parse_timestamp(started), ended, stopped is None and reason is None
    )


def _last_leads(runs: Iterable[ClockRun]) -> dict[str, float]:
    """Boot -> the lead of its last run, by the clock that nobody can set: databases may be merged in any order."""
    last: dict[str, ClockRun] = {}
    for run in runs:
        if run.boot_id is not None and run.lead is not None:
            known = last.get(run.boot_id)
            if known is None or (run.booted_before, run.id) >= (known.booted_before, known.id):
                last[run.boot_id] = run
    return {boot: run.lead for boot, run in last.items() if run.lead is not None}


def _off(run: ClockRun, leads: dict[str, float]) -> float:
    if run.boot_id is None or run.lead is None:
        return 0.0
    off = leads[run.boot_id] - run.lead
    return off if is_step(0.0, off) else 0.0


def knows_boots(db: Database) -> bool:
    """Whether this edgecls, or a newer one, has opened `db` for writing."""
    return "boot_id" in db.table("runs").columns_dict


_Span = tuple[int, str, str]


def _spans(db: Database) -> dict[int, _Span]:
    """Run -> how many rows it has, the first and the last time of theirs."""
    if not are_tallied(db):
        counted = "SELECT run_id, count(*), min(classified_at), max(classified_at) FROM results GROUP BY run_id"
        return {run: (rows, first, last) for run, rows, first, last in db.execute(counted)}
    kept = "SELECT run_id, sum(rows), min(hour), max(hour) FROM hourly_counts GROUP BY run_id"
    return {
        run: (rows, _edge(db, "min", run, first), _edge(db, "max", run, last))
        for run, rows, first, last in db.execute(kept).fetchall()
    }


def _edge(db: Database, edge: str, run: int, hour: str) -> str:
    """The first (min) or last (max) time of a run's rows in that hour, of which the index has few."""
    sql = f"SELECT {edge}(classified_at) FROM results WHERE run_id = ? AND classified_at BETWEEN ? AND ?"  # noqa: S608
    return str(db.execute(sql, (run, hour, hour + "~")).fetchone()[0])


def _stretch(runs: list[ClockRun], spans: dict[int, _Span]) -> ClockSegment:
    found = [spans[run.id] for run in runs if run.id in spans]
    begun, newest = format_timestamp(runs[0].started_at), runs[-1]
    return ClockSegment(
        newest.device,
        newest.boot_id,
        tuple(run.id for run in runs),
        rows=sum(rows for rows, _, _ in found),
        first=min((first for _, first, _ in found), default=begun),
        last=max((last for _, _, last in found), default=begun),
        off=round(newest.off, 3),
        corrected=round(newest.shift, 3),
        is_unset=any(run.is_unset for run in runs),
    )
