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
from edgecls.database.connection import database_files
from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.files import check_not_input, is_stream, written_atomically
from edgecls.results.queries.finding import COLUMNS
from edgecls.results.queries.names import resolve_names
from edgecls.results.queries.rows import find_rows


class ExportFormat(str, Enum):
    """The value of --format."""

    csv = "csv"
    json = "json"
    jsonl = "jsonl"
    parquet = "parquet"


SUFFIXES = {
    ".csv": ExportFormat.csv,
    ".json": ExportFormat.json,
    ".jsonl": ExportFormat.jsonl,
    ".ndjson": ExportFormat.jsonl,
    ".parquet": ExportFormat.parquet,
}
"""The format of a file by the end of its name."""


def export(
    *,
    db: Db = Path("results.db"),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", readable=False, help="By default stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    output_format: Annotated[
        ExportFormat | None, typer.Option("--format", help="By default what the suffix of FILE says, else csv.")
    ] = None,
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
    if out is not None:
        check_not_input(out, *database_files(db))
    file_format = format_of(out, output_format)
    if out is None and force:
        raise UsageError("--force replaces a file: name it with -o, or leave --force out")
    if out is not None and not force and not is_stream(out) and out.exists():
        raise UsageError(f"{out} exists already: name another file, or replace it with --force")
    which = filtered(
        since, until, label=label, device=device, model=model, run=run, min_score=min_score, errors=errors,
        unknown=unknown, search=search, threshold=threshold, limit=limit,
    )  # fmt: skip
    names = chosen(columns, COLUMNS, COLUMNS)
    with closing(open_results(db)) as database:
        which = resolve_names(database, which)
        rows = find_rows(database, which, order)
        if out is None:
            if file_format is ExportFormat.parquet:
                raise UsageError("Parquet is no text for a terminal: name a file with -o")
            write_rows(names, rows, file_format.value)
            return
        with written_atomically(out) as file:
            if file_format is ExportFormat.parquet:
                from edgecls.results.queries.parquet import write_parquet

                write_parquet(file, names, rows)
            else:
                text = io.TextIOWrapper(file, encoding="utf-8", newline="")
                write_rows(names, rows, file_format.value, text)
                text.flush()
                text.detach()


def format_of(out: Path | None, asked: ExportFormat | None) -> ExportFormat:
    """Return the format to write: what the suffix of `out` says, or `asked` where that says nothing.

    Raises UsageError where both say something else, and for a suffix that is not known.
    """
    suffix = "" if out is None or is_stream(out) else out.suffix.lower()
    if not suffix:
        return asked or ExportFormat.csv
    known = SUFFIXES.get(suffix)
    if known is None:
        raise UsageError(f"unknown suffix {suffix} of {out} (known: {', '.join(SUFFIXES)}): choose one of these")
    if asked is not None and asked is not known:
        raise UsageError(f"--format {asked.value} contradicts the name {out}: leave --format out, or change the suffix")
    return known
