"""The commands of the results wing: parse, ask, print."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import OutputFormat, ReportFormat, write_object, write_rows
from edgecls.errors import UsageError
from edgecls.results import queries
from edgecls.results.queries import Filter

TABLE_COLUMNS = ("classified_at", "label", "score", "path", "error")
"""What fits a terminal; the other formats have all of `queries.COLUMNS`."""

Db = Annotated[Path, typer.Option("--db", envvar="EDGECLS_DB", readable=False, help="The results database.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="T", help="Classified at T (2026-11-24, 2026-11-24T18:30, ...Z) or later."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="T", help="Classified before T; local time unless T has an offset.")
]


def query(
    *,
    db: Db = Path("results.db"),
    label: Annotated[list[str] | None, typer.Option("--label", help="Only this label; may be repeated.")] = None,
    since: Since = None,
    until: Until = None,
    min_score: Annotated[
        float | None, typer.Option("--min-score", min=0, max=1, help="Only scores from this one up.")
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only what could not be classified.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the newest N rows.", metavar="N")] = None,
    sql: Annotated[str | None, typer.Option("--sql", help="A SELECT of your own, instead of the filters.")] = None,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="How to print.")] = OutputFormat.table,
) -> None:
    """Print classified frames, newest first."""
    which = Filter(tuple(label or ()), *_interval(since, until), min_score, errors, limit)
    if sql is not None and which != queries.EVERYTHING:
        raise UsageError("--sql takes no filter beside it: put the conditions into its WHERE")
    with closing(queries.open_results(db)) as database:
        if sql is not None:
            columns, rows = queries.run_sql(database, sql)
        else:
            columns = TABLE_COLUMNS if output_format is OutputFormat.table else queries.COLUMNS
            rows = queries.find(database, which)
        write_rows(columns, map(_for_people, rows) if columns is TABLE_COLUMNS else rows, output_format)


def _for_people(row: queries.Row) -> queries.Row:
    return row if row["score"] is None else {**row, "score": f"{row['score']:.3f}"}


def stats(
    *,
    db: Db = Path("results.db"),
    since: Since = None,
    until: Until = None,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """Summarise the database: totals, labels, latencies, models."""
    earliest, latest = _interval(since, until)
    with closing(queries.open_results(db)) as database:
        found = queries.stats(database, Filter(since=earliest, until=latest))
    if output_format is ReportFormat.json:
        write_object(found)
    else:
        _print_stats(found)


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", readable=False, help="The file to write.")],
    *,
    db: Db = Path("results.db"),
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
) -> None:
    """Copy the database to OUT, also while the daemon writes to it: of one moment, checked, whole or not at all."""
    from edgecls.results.backup import back_up

    rows = back_up(db, out, force=force)
    typer.echo(f"edgecls: {out}: {rows} rows", err=True)


def _print_stats(found: dict[str, Any]) -> None:
    totals = [{"": name, "value": value} for name, value in found.items() if not isinstance(value, (list, dict))]
    latencies = [{"": name, **found[name]} for name in ("decode_ms", "infer_ms")]
    write_rows(("", "value"), totals, OutputFormat.table)
    typer.echo()
    write_rows(("", "median", "p95"), latencies, OutputFormat.table)
    typer.echo()
    write_rows(("label", "count", "share", "mean_score"), found["labels"], OutputFormat.table)
    typer.echo()
    write_rows(("model", "count", "sha256"), found["models"], OutputFormat.table)


def _interval(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    earliest, latest = parse_time(since, "--since"), parse_time(until, "--until")
    if earliest and latest and earliest >= latest:
        raise UsageError(f"--since {since} is not before --until {until}: swap them, or widen the interval")
    return earliest, latest


def parse_time(text: str | None, option: str) -> datetime | None:
    """An ISO 8601 date (its midnight) or date-time; without an offset it is local time. None stays None.

    Raises:
        UsageError: it is neither; the message names `option`.
    """
    if text is None:
        return None
    plain = text.strip()
    if plain[-1:] in {"Z", "z"}:  # which fromisoformat takes from Python 3.11 on
        plain = plain[:-1] + "+00:00"
    try:
        return datetime.fromisoformat(plain).astimezone()
    except (ValueError, OverflowError) as error:
        hint = "write 2026-11-24, 2026-11-24T18:30 or 2026-11-24T18:30:00Z"
        raise UsageError(f"{option} {text} is not a time: {hint}") from error
