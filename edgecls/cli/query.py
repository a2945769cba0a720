"""The command `query`: print rows for people or programs."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlite_utils import Database

from edgecls import system
from edgecls.cli.output import OutputFormat, write_rows
from edgecls.cli.result_options import (
    Columns,
    Db,
    Device,
    Errors,
    Label,
    Limit,
    MinScore,
    Model,
    Order,
    Run,
    Search,
    Since,
    Threshold,
    Timeout,
    Unknown,
    Until,
    explicit_options,
    filters_of,
    parse_columns,
)  # fmt: skip
from edgecls.cli.times import local
from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.follow import follow_rows
from edgecls.results.queries.names import resolve_names
from edgecls.results.queries.rows import COLUMNS, Row, find_rows
from edgecls.results.queries.time_limit import TimeLimit
from edgecls.results.queries.user_sql import run_sql

TABLE_COLUMNS = ("classified_at", "label", "score", "path", "error")
"""The default columns of a table; the other formats have all columns."""
POLL_S = 1.0
"""Interval between two polls of --follow."""


def query(
    context: typer.Context,
    *,
    db: Db = Path("results.db"),
    label: Label = None,
    since: Since = None,
    until: Until = None,
    min_score: MinScore = None,
    errors: Errors = False,
    unknown: Unknown = False,
    device: Device = None,
    run: Run = None,
    model: Model = None,
    search: Search = None,
    threshold: Threshold = None,
    order: Order = "newest",
    limit: Limit = None,
    columns: Columns = None,
    follow: Annotated[bool, typer.Option("--follow", help="Print new rows as they are written, until Ctrl-C.")] = False,
    sql: Annotated[
        str | None, typer.Option("--sql", metavar="SELECT", help="Run this SQL query instead of the filters.")
    ] = None,
    timeout: Timeout = 30.0,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="The output format.")] = OutputFormat.table,
) -> None:
    """Print classified frames, newest first."""
    filters = filters_of(
        since, until, label=label, device=device, model=model, run=run, min_score=min_score, errors=errors,
        unknown=unknown, search=search, threshold=threshold, limit=limit,
    )  # fmt: skip
    if sql is not None and (filters != NO_FILTERS or columns or follow or order != "newest"):
        raise UsageError("--sql cannot be combined with filters: put the conditions into its WHERE clause")
    if follow and (order != "newest" or output_format is OutputFormat.json):
        raise UsageError("--follow prints rows in the order of writing: omit --order, and use --format jsonl for JSON")
    if follow and "timeout" in explicit_options(context):
        raise UsageError("--timeout has no effect with --follow, which runs until Ctrl-C: omit it")
    is_table = output_format is OutputFormat.table
    names = parse_columns(columns, COLUMNS, TABLE_COLUMNS if is_table else COLUMNS)
    with closing(open_results(db)) as database:
        time_limit = TimeLimit(database, timeout)
        if sql is not None:
            with time_limit.running():
                names, rows = run_sql(database, sql)
            write_rows(names, time_limit.over(rows), output_format)
            return
        with time_limit.running():
            filters = resolve_names(database, filters)
        if follow:
            _follow(database, filters, names, output_format)
            return
        rows = time_limit.over(find_rows(database, filters, order, columns=names))
        write_rows(names, map(_readable, rows) if is_table else rows, output_format)


def _readable(row: Row) -> Row:
    """Return `row` with local times and three decimals of the score."""
    readable = {name: local(row[name]) for name in row.keys() & {"captured_at", "classified_at"}}
    if row.get("score") is not None:
        readable["score"] = f"{row['score']:.3f}"
    return {**row, **readable}


def _follow(db: Database, filters: Filters, names: Sequence[str], output_format: OutputFormat) -> None:
    """Print rows until Ctrl-C, or until the reader of the output is gone."""
    with_header = True
    reader_is_gone = system.reader_watch(sys.stdout)
    with suppress(KeyboardInterrupt):
        for batch in follow_rows(db, filters, lambda: not reader_is_gone(POLL_S)):
            rows: Iterator[Any] = map(_readable, batch) if output_format is OutputFormat.table else iter(batch)
            write_rows(names, rows, output_format, headed=with_header)
            sys.stdout.flush()
            with_header = False
