"""The options by which the commands of the results wing are told which rows are meant."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.times import parse_time
from edgecls.errors import UsageError
from edgecls.results.queries.filters import Filters

Db = Annotated[Path, typer.Option("--db", envvar="EDGECLS_DB", readable=False, help="The results database.")]
Label = Annotated[list[str] | None, typer.Option("--label", help="Only this label; may be repeated.")]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="T", help="Classified at T or later: 2026-11-24T18:30, today, 2 hours ago."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="T", help="Classified before T; local time unless T has an offset.")
]
MinScore = Annotated[float | None, typer.Option("--min-score", min=0, max=1, help="Only scores from this one up.")]
Errors = Annotated[bool, typer.Option("--errors", help="Only what could not be classified.")]
Unknown = Annotated[bool, typer.Option("--unknown", help="Only what the model was not sure enough of.")]
Device = Annotated[list[str] | None, typer.Option("--device", help="Only of this device; may be repeated.")]
Run = Annotated[list[int] | None, typer.Option("--run", metavar="ID", help="Only of this run; may be repeated.")]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", help="Only of the model of this name, or whose SHA-256 begins so; may be repeated."),
]
Search = Annotated[
    str | None,
    typer.Option("--search", metavar="WORDS", help="Only with all of these words in path, label or error; cat* too."),
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", min=0, max=1, help="Decide anew: every score under this one is unknown."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N rows.", metavar="N")]
Order = Annotated[
    str, typer.Option("--order", help="newest, oldest, or a column such as score; -score from the highest down.")
]
Columns = Annotated[str | None, typer.Option("--columns", metavar="A,B,...", help="Only these columns, so ordered.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Give up once SQLite took so long; 0: never.")
]


def given(context: typer.Context) -> list[str]:
    """Return the names of the parameters that the command line gives, be it with their default values."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def interval(since: str | None, until: str | None) -> Filters:
    """The filter of these two."""
    earliest, latest = parse_time(since, "--since"), parse_time(until, "--until")
    if earliest and latest and earliest >= latest:
        raise UsageError(f"--since {since} is not before --until {until}: swap them, or widen the interval")
    return Filters(since=earliest, until=latest)


def filtered(
    since: str | None,
    until: str | None,
    *,
    label: list[str] | None,
    device: list[str] | None,
    model: list[str] | None,
    run: list[int] | None = None,
    **others: Any,
) -> Filters:
    """The filter of these options; `others` are called as its own fields are."""
    return replace(
        interval(since, until),
        labels=tuple(label or ()),
        devices=tuple(device or ()),
        models=tuple(model or ()),
        runs=tuple(run or ()),
        **others,
    )


def chosen(columns: str | None, all_columns: tuple[str, ...], by_default: tuple[str, ...]) -> tuple[str, ...]:
    """What `--columns` says. Raises UsageError for one that is not there."""
    if columns is None:
        return by_default
    names = tuple(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
    strange = [name for name in names if name not in all_columns]
    if strange or not names:
        raise UsageError(f"--columns {columns}: there are {', '.join(all_columns)}")
    return names
