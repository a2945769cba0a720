"""The command `export`: write rows to a file for other programs."""

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
    filters_of,
    parse_columns,
)  # fmt: skip
from edgecls.database.connection import database_files
from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.files import check_not_input, is_stream, written_atomically
from edgecls.results.queries.names import resolve_names
from edgecls.results.queries.rows import COLUMNS, find_rows


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
"""Suffix of a file -> its format."""


def export(
    *,
    db: Db = Path("results.db"),
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", readable=False, help="The output file. Default: standard output."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output file.")] = False,
    output_format: Annotated[
        ExportFormat | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="csv, json, jsonl or parquet. Default: by the suffix of the output file, or csv.",
        ),
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
    """Write rows to a CSV, JSON, JSON Lines or Parquet file."""
    if out is not None:
        check_not_input(out, *database_files(db))
    file_format = format_of(out, output_format)
    if out is None and force:
        raise UsageError("--force overwrites a file: name it with -o, or omit --force")
    if out is not None and not force and not is_stream(out) and out.exists():
        raise UsageError(f"{out} already exists: name another file, or overwrite it with --force")
    filters = filters_of(
        since, until, label=label, device=device, model=model, run=run, min_score=min_score, errors=errors,
        unknown=unknown, search=search, threshold=threshold, limit=limit,
    )  # fmt: skip
    names = parse_columns(columns, COLUMNS, COLUMNS)
    with closing(open_results(db)) as database:
        filters = resolve_names(database, filters)
        rows = find_rows(database, filters, order, columns=names)
        if out is None:
            if file_format is ExportFormat.parquet:
                raise UsageError("Parquet is a binary format: name a file with -o")
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


def format_of(out: Path | None, requested: ExportFormat | None) -> ExportFormat:
    """Return the output format: that of the suffix of `out`, or `requested` if there is no suffix.

    Raises UsageError if the two contradict each other, or the suffix is unknown.
    """
    suffix = "" if out is None or is_stream(out) else out.suffix.lower()
    if not suffix:
        return requested or ExportFormat.csv
    known = SUFFIXES.get(suffix)
    if known is None:
        raise UsageError(f"unknown suffix {suffix} of {out} (known: {', '.join(SUFFIXES)})")
    if requested is not None and requested is not known:
        raise UsageError(f"--format {requested.value} contradicts the name {out}: omit --format, or change the suffix")
    return known
