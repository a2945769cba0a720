"""The command `clock`: list and correct the rows that were written while the clock was wrong."""

import re
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls.cli.output import OutputFormat, write_rows
from edgecls.cli.result_options import Db
from edgecls.cli.times import parse_time
from edgecls.errors import UsageError

if TYPE_CHECKING:
    from edgecls.database.clock.segments import ClockRun, ClockSegment

TABLE_COLUMNS = ("device", "boot", "runs", "rows", "first", "last", "error", "state")
"""The columns of a table, which shows durations as --offset reads them."""
COLUMNS = ("device", "boot", "runs", "rows", "first", "last", "error_s", "corrected_s", "state")


def clock(
    *,
    db: Db = Path("results.db"),
    correct: Annotated[
        bool,
        typer.Option("--correct", help="Correct the times of all rows whose clock error is known."),
    ] = False,
    run: Annotated[
        int | None,
        typer.Option(
            "--run", metavar="ID", help="Correct the times of this run and of the other runs of the same boot."
        ),
    ] = None,
    offset: Annotated[
        str | None,
        typer.Option("--offset", metavar="D", help="With --run: add D to the times, such as 3d4h, -2h30m or 90s."),
    ] = None,
    set_start: Annotated[
        str | None,
        typer.Option(
            "--set-start", metavar="T", help="With --run: set the start of the run to T, such as 2026-11-24T18:30."
        ),
    ] = None,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="The output format.")] = OutputFormat.table,
) -> None:
    """Show which rows were written while the clock was wrong, and correct their times."""
    from edgecls.database.clock.segments import clock_segments
    from edgecls.database.reading import open_results

    _check_options(correct=correct, run=run, changes=(offset, set_start))
    if correct or run is not None:
        count = len(_correct_all(db) if run is None else _correct_run(db, run, offset, set_start))
        typer.echo(f"edgecls: corrected the times of {count} run{'' if count == 1 else 's'}", err=True)
    with closing(open_results(db)) as database:
        columns = TABLE_COLUMNS if output_format is OutputFormat.table else COLUMNS
        write_rows(columns, map(_table_row, clock_segments(database)), output_format)


def _check_options(*, correct: bool, run: int | None, changes: tuple[str | None, str | None]) -> None:
    count = sum(change is not None for change in changes)
    if correct and run is not None:
        raise UsageError(
            "--correct and --run cannot be combined: --correct uses the errors that the device measured, --run one that you know"
        )
    if count and run is None:
        raise UsageError("--offset and --set-start need --run ID: run `edgecls clock` without options to list the runs")
    if run is not None and count != 1:
        raise UsageError("--run needs either --offset 3d4h or --set-start 2026-11-24T18:30")


def _correct_all(db: Path) -> "list[ClockRun]":
    from edgecls.database.clock.correction import correct_known_errors

    with _open_existing(db) as database:
        return correct_known_errors(database)


def _correct_run(db: Path, run: int, offset: str | None, set_start: str | None) -> "list[ClockRun]":
    from edgecls.database.clock.correction import correct_boot
    from edgecls.database.clock.segments import clock_runs

    start = parse_time(set_start, "--set-start")
    change = parse_offset(offset) if offset is not None else timedelta()
    with _open_existing(db) as database:
        if start:
            change = next((start - each.started_at for each in clock_runs(database) if each.id == run), change)
        return correct_boot(database, run, change.total_seconds())


def _open_existing(db: Path) -> Any:
    from edgecls.database.opening import open_writable
    from edgecls.database.reading import open_results

    open_results(db).close()  # raises for a missing file, which open_writable would create
    return open_writable(db)


_DURATION = re.compile(r"([+-]?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


def parse_offset(text: str) -> timedelta:
    """Parse days, hours, minutes and seconds in that order, each optional: 3d4h, -2h30m, 90s, 1.5s.

    Raises:
        UsageError: the text is not a duration, or is too long for a timedelta.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()[1:]):
        raise UsageError(f"invalid --offset {text}: write a duration such as 3d4h, -2h30m or 90s")
    sign, *numbers = match.groups()
    try:
        days, hours, minutes, seconds = (float(number or 0) for number in numbers)
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise UsageError(f"--offset {text} is too long: write a duration such as 3d4h, -2h30m or 90s") from error
    return -duration if sign == "-" else duration


def _table_row(segment: "ClockSegment") -> dict[str, Any]:
    first, last = segment.runs[0], segment.runs[-1]
    return {
        "device": segment.device,
        "boot": segment.boot_id and segment.boot_id[:8],
        "runs": str(first) if first == last else f"{first}-{last}",
        "rows": segment.rows,
        "first": segment.first,
        "last": segment.last,
        "error": _format_duration(segment.error_s),
        "error_s": segment.error_s,
        "corrected_s": segment.applied_correction,
        "state": _describe_state(segment),
    }


def _describe_state(segment: "ClockSegment") -> str:
    if segment.error_s:
        return "suspect: run with --correct"
    if segment.is_unset:
        return "suspect: the clock was never set"
    return f"corrected by {_format_duration(segment.applied_correction)}" if segment.applied_correction else ""


def _format_duration(seconds: float) -> str:
    """Format a duration as `parse_offset` reads it, rounded to a second; empty for 0."""
    minutes, rest = divmod(round(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = "".join(f"{n}{unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")) if n)
    return f"-{parts}" if parts and seconds < 0 else parts
