"""The command `merge`: merge the databases of several devices into one."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecls.cli.output import OutputFormat, printable, write_rows
from edgecls.errors import UsageError

if TYPE_CHECKING:
    from edgecls.results.merge.merge_input import MergeInput, MergeResult

COLUMNS = ("file", "rows", "added", "known", "conflicts", "runs", "models", "reviews", "review_clashes")


def merge(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, help="The merged database. Created if it does not exist.")
    ],
    inputs: Annotated[
        list[Path], typer.Argument(metavar="IN...", readable=False, help="The databases to merge. They are only read.")
    ],
    *,
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            metavar="NAME=FILE",
            help="Use NAME for the device of the database FILE, one of IN. May be repeated.",
        ),
    ] = None,
    output_format: Annotated[OutputFormat, typer.Option("--format", help="The output format.")] = OutputFormat.table,
) -> None:
    """Merge the databases of several devices into one. Rows that OUT already has are not added again."""
    from edgecls.progress import Progress
    from edgecls.results.merge.merge import merge as merge_databases

    merged = merge_databases(out, _named(inputs, device or []), Progress(show=True))
    write_rows(COLUMNS, ({"file": str(one.path), **asdict(one)} for one in merged), output_format)
    in_conflict = [one for one in merged if one.conflicts]
    for one in in_conflict:
        _report_conflicts(one)
    if in_conflict:
        raise typer.Exit(1)


def _named(inputs: list[Path], devices: list[str]) -> "list[MergeInput]":
    from edgecls.results.merge.merge_input import MergeInput

    names: dict[Path, str] = {}
    for text in devices:
        name, _, file = text.partition("=")
        if not name.strip() or not file:
            raise UsageError(f"invalid --device {text}: write NAME=FILE, such as --device porch=porch.db")
        if Path(file) not in inputs:
            raise UsageError(f"--device {text}: {file} is not one of the databases to merge: name it there too")
        if names.setdefault(Path(file), name) != name:
            raise UsageError(f"two names for the device of {file}: use one --device for each file")
    return [MergeInput(path, names.get(path)) for path in inputs]


def _report_conflicts(merged: "MergeResult") -> None:
    for source, key in merged.listed_conflicts:
        typer.echo(
            printable(f"edgecls: {merged.path}: conflict: {source} {key}: the row that was there is kept"), err=True
        )
    hint = "if two devices have the same name, use --device NAME=FILE"
    line = (
        f"edgecls: {merged.path}: {merged.conflicts} of {merged.rows} rows conflict with rows that were there: {hint}"
    )
    typer.echo(printable(line), err=True)
