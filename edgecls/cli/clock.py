"""The command `clock`: what is known of the clocks that the rows have their times of."""

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

TABLE_COLUMNS = ("device", "boot", "runs", "rows", "first", "last", "off", "state")
"""For people: lengths of time as --offset takes them."""
COLUMNS = ("device", "boot", "runs", "rows", "first", "last", "off_s", "corrected_s", "state")


def clock(
    *,
    db: Db = Path("results.db"),
    correct: Annotated[
        bool,
        typer.Option("--correct", help="Move the times from before the clock was set, where it is known by how much."),
    ] = False,
    run: Annotated[
        int | None,
        typer.Option("--run", metavar="N", help="Move the times of run N, and of its boot by the same clock."),
    ] = None,
    offset: Annotated[
        str | None, typer.Option("--offset", metavar="D", help="With --run: by so much (3d4h, -2h30m, 90s).")
    ] = None,
    set_start: Annotated[
        str | None, typer.Option("--set-start", metavar="T", help="With --run: so that it began at T.")
    ] = None,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="How to print.")] = OutputFormat.table,
) -> None:
    """Say which rows have the times of a clock that was wrong, and correct them."""
    from edgecls.database.clock.segments import clock_segments
    from edgecls.database.reading import open_results

    _check_options(correct=correct, run=run, changes=(offset, set_start))
    if correct or run is not None:
        moved = _corrected(db) if run is None else _moved(db, run, offset, set_start)
        typer.echo(f"edgecls: the times of {len(moved)} run{'' if len(moved) == 1 else 's'} were corrected", err=True)
    with closing(open_results(db)) as database:
        columns = TABLE_COLUMNS if output_format is OutputFormat.table else COLUMNS
        write_rows(columns, map(_row, clock_segments(database)), output_format)


def _check_options(*, correct: bool, run: int | None, changes: tuple[str | None, str | None]) -> None:
    given = [each for each in changes if each is not None]
    if correct and run is not None:
        raise UsageError("--correct moves what is known, --run what you know: give one of the two")
    if given and run is None:
        raise UsageError("--offset and --set-start need --run N: without options `edgecls clock` lists the runs")
    if run is not None and len(given) != 1:
        raise UsageError("--run needs either --offset 3d4h or --set-start 2026-11-24T18:30")


def _corrected(db: Path) -> "list[ClockRun]":
    from edgecls.database.clock.correction import correct_steps

    with _open_to_correct(db) as database:
        return correct_steps(database)


def _moved(db: Path, run: int, offset: str | None, set_start: str | None) -> "list[ClockRun]":
    from edgecls.database.clock.correction import correct_boot
    from edgecls.database.clock.segments import clock_runs

    start = parse_time(set_start, "--set-start")
    by = parse_offset(offset) if offset is not None else timedelta()
    with _open_to_correct(db) as database:
        if start:
            by = next((start - each.started_at for each in clock_runs(database) if each.id == run), by)
        return correct_boot(database, run, by.total_seconds())


def _open_to_correct(db: Path) -> Any:
    from edgecls.database.opening import open_writable
    from edgecls.database.reading import open_results

    open_results(db).close()  # a file that is not there is not made
    return open_writable(db)


_PARTS = re.compile(r"([+-]?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)


def parse_offset(text: str) -> timedelta:
    """Days, hours, minutes and seconds, in that order and any of them left out: 3d4h, -2h30m, 90s, 1.5s.

    Raises:
        UsageError: it is something else, or longer than any calendar.
    """
    found = _PARTS.fullmatch(text.strip())
    if not found or not any(found.groups()[1:]):
        raise UsageError(f"--offset {text} is no length of time: write 3d4h, -2h30m or 90s")
    sign, *numbers = found.groups()
    try:
        days, hours, minutes, seconds = (float(number or 0) for number in numbers)
        length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise UsageError(f"--offset {text} is longer than any calendar: write 3d4h, -2h30m or 90s") from error
    return -length if sign == "-" else length


def _row(stretch: "ClockSegment") -> dict[str, Any]:
    first, last = stretch.runs[0], stretch.runs[-1]
    return {
        "device": stretch.device,
        "boot": stretch.boot_id and stretch.boot_id[:8],
        "runs": str(first) if first == last else f"{first}-{last}",
        "rows": stretch.rows,
        "first": stretch.first,
        "last": stretch.last,
        "off": _length(stretch.off),
        "off_s": stretch.off,
        "corrected_s": stretch.corrected,
        "state": _state(stretch),
    }


def _state(stretch: "ClockSegment") -> str:
    if stretch.off:
        return "suspect: --correct moves it"
    if stretch.is_unset:
        return "suspect: the clock was never set"
    return f"corrected by {_length(stretch.corrected)}" if stretch.corrected else ""


def _length(seconds: float) -> str:
    """As `parse_offset` reads it; to the second."""
    minutes, rest = divmod(round(abs(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = "".join(f"{n}{unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")) if n)
    return f"-{parts}" if parts and seconds < 0 else parts
