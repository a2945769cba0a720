"""The command `export`: rows into a file that other programs read."""

import io
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from edgecls.cli.output import write_rows
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
    Unknown,
    Until,
    chosen,
    filtered,
)  # fmt: skip
from edgecls.errors import UsageError
from edgecls.files import check_not_input, written_atomically
from edgecls.results import queries
from edgecls.results.asking.finding import COLUMNS
from edgecls.results.asking.names import resolve_names
from edgecls.results.schema import with_side_files


class ExportFormat(str, Enum):
    """The value of --format."""

    csv = "csv"
    jsonl = "jsonl"
    parquet = "parquet"


def export(
    *,
    db: Db = Path("results.db"),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", readable=False, help="By default stdout.")
    ] = None,
    output_format: Annotated[ExportFormat, typer.Option("--format", help="What to write.")] = ExportFormat.csv,
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
    order: Order = "oldest",
    limit: Limit = None,
    columns: Columns = None,
) -> None:
    """Write rows to FILE, whole or not at all, however many there are: they are never all in memory."""
    which = filtered(
        since, until, label=label, device=device, model=model, run=run, min_score=min_score, errors=errors,
        unknown=unknown, search=search, threshold=threshold, limit=limit,
    )  # fmt: skip
    names = chosen(columns, COLUMNS, COLUMNS)
    with closing(queries.open_results(db)) as database:
        which = resolve_names(database, which)
        rows = queries.find(database, which, order)
        if out is None:
            if output_format is ExportFormat.parquet:
                raise UsageError("Parquet is no text for a terminal: name a file with -o")
            write_rows(names, rows, output_format.value)
            return
        check_not_input(out, *with_side_files(db))
        with written_atomically(out) as file:
            if output_format is ExportFormat.parquet:
                from edgecls.results.asking.parquet import write_parquet

                write_parquet(file, names, rows)
            else:
                text = io.TextIOWrapper(file, encoding="utf-8", newline="")
                write_rows(names, rows, output_format.value, text)
                text.flush()
                text.detach()
