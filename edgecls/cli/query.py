"""The command `query`: rows, in a terminal or for a program."""

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
    chosen,
    filtered,
    given,
)  # fmt: skip
from edgecls.cli.times import local
from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.finding import COLUMNS
from edgecls.results.queries.follow import follow as follow_rows
from edgecls.results.queries.names import resolve_names
from edgecls.results.queries.rows import Row, find_rows
from edgecls.results.queries.time_limit import TimeLimit
from edgecls.results.queries.user_sql import run_sql

TABLE_COLUMNS = ("classified_at", "label", "score", "path", "error")
"""What fits a terminal; the other formats have all columns."""
POLL_S = 1.0
"""Between two looks at the rows of --follow."""


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
    follow: Annotated[bool, typer.Option("--follow", help="Go on with the rows that are written from now on.")] = False,
    sql: Annotated[str | None, typer.Option("--sql", help="A SELECT of your own, instead of the filters.")] = None,
    timeout: Timeout = 30.0,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="How to print.")] = OutputFormat.table,
) -> None:
    """Print classified frames, newest first."""
    which = filtered(
        since, until, label=label, device=device, model=model, run=run, min_score=min_score, errors=errors,
        unknown=unknown, search=search, threshold=threshold, limit=limit,
    )  # fmt: skip
    if sql is not None and (which != NO_FILTERS or columns or follow or order != "newest"):
        raise UsageError("--sql takes no filter beside it: put the conditions into its WHERE")
    if follow and (order != "newest" or output_format is OutputFormat.json):
        raise UsageError("--follow prints rows as they come: leave --order out, and write --format jsonl for JSON")
    if follow and "timeout" in given(context):
        raise UsageError("--timeout has no effect on --follow, which goes on until Ctrl-C: leave it out")
    is_table = output_format is OutputFormat.table
    names = chosen(columns, COLUMNS, TABLE_COLUMNS if is_table else COLUMNS)
    with closing(open_results(db)) as database:
        limited = TimeLimit(database, timeout)
        if sql is not None:
            with limited.running():
                names, rows = run_sql(database, sql)
            write_rows(names, limited.over(rows), output_format)
            return
        with limited.running():
            which = resolve_names(database, which)
        if follow:
            _follow(database, which, names, output_format)
            return
        found = limited.over(find_rows(database, which, order))
        write_rows(names, map(_for_people, found) if is_table else found, output_format)


def _for_people(row: Row) -> Row:
    """Three decimals, and the time of where they are."""
    times = {name: local(row[name]) for name in ("captured_at", "classified_at")}
    return {**row, **times} if row["score"] is None else {**row, **times, "score": f"{row['score']:.3f}"}


def _follow(db: Database, which: Filters, names: Sequence[str], output_format: OutputFormat) -> None:
    """Until Ctrl-C, or until nobody reads."""
    headed = True
    reader_is_gone = system.reader_watch(sys.stdout)
    with suppress(KeyboardInterrupt):
        for batch in follow_rows(db, which, lambda: not reader_is_gone(POLL_S)):
            rows: Iterator[Any] = map(_for_people, batch) if output_format is OutputFormat.table else iter(batch)
            write_rows(names, rows, output_format, headed=headed)
            sys.stdout.flush()
            headed = False
