"""The options that filter rows, shared by the commands that read a results database."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.times import parse_time
from edgecls.errors import UsageError
from edgecls.results.queries.filters import Filters

Db = Annotated[
    Path, typer.Option("--db", envvar="EDGECLS_DB", metavar="FILE", readable=False, help="The results database.")
]
Label = Annotated[list[str] | None, typer.Option("--label", metavar="LABEL", help="Only this label. May be repeated.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="T", help="Only rows classified at or after T: 2026-11-24T18:30, today, 2 hours ago."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="T", help="Only rows classified before T. Times are local unless they have an offset."
    ),
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", min=0, max=1, metavar="SCORE", help="Only rows with at least this score.")
]
Errors = Annotated[bool, typer.Option("--errors", help="Only frames that could not be classified.")]
Unknown = Annotated[bool, typer.Option("--unknown", help="Only frames labelled unknown.")]
Device = Annotated[
    list[str] | None, typer.Option("--device", metavar="NAME", help="Only this device. May be repeated.")
]
Run = Annotated[list[int] | None, typer.Option("--run", metavar="ID", help="Only this run. May be repeated.")]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Only this model, by name or by the first digits of its SHA-256. May be repeated.",
    ),
]
Search = Annotated[
    str | None,
    typer.Option(
        "--search",
        metavar="WORDS",
        help="Only rows with all these words in path, label or error. `cat*` finds words that start with cat.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=0, max=1, metavar="SCORE", help="Treat labels with a lower score as unknown."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most N rows. Default: all.")]
Order = Annotated[
    str,
    typer.Option(
        "--order", metavar="ORDER", help="newest, oldest, or a column such as score; -score is the descending order."
    ),
]
Columns = Annotated[str | None, typer.Option("--columns", metavar="A,B,...", help="Only these columns, in this order.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Stop a query that takes longer. 0: no limit.")
]


def explicit_options(context: typer.Context) -> list[str]:
    """Return the names of the parameters that the command line sets."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def interval_filters(since: str | None, until: str | None) -> Filters:
    """Return the filters of --since and --until. Raises UsageError if they are not times in this order."""
    begin, end = parse_time(since, "--since"), parse_time(until, "--until")
    if begin and end and begin >= end:
        raise UsageError(f"--since {since} is not before --until {until}: swap them, or widen the interval")
    return Filters(since=begin, until=end)


def filters_of(
    since: str | None,
    until: str | None,
    *,
    label: list[str] | None,
    device: list[str] | None,
    model: list[str] | None,
    run: list[int] | None = None,
    **others: Any,
) -> Filters:
    """Return the filters of these options; `others` are further fields of Filters."""
    return replace(
        interval_filters(since, until),
        labels=tuple(label or ()),
        devices=tuple(device or ()),
        models=tuple(model or ()),
        runs=tuple(run or ()),
        **others,
    )


def parse_columns(columns: str | None, known: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that --columns names, or the default. Raises UsageError for an unknown one."""
    if columns is None:
        return default
    names = tuple(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(f"--columns {columns}: unknown column {', '.join(unknown)} (known: {', '.join(known)})")
    return names
