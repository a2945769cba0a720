"""`edgecls backbones`: the table, without TensorFlow unless something is measured."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecls.cli.output import ReportFormat, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgecls.training.backbones import Backbone

_TABLE_COLUMNS = ("name", "input", "parameters", "mmacs", "int8_mb", "top1", "top1_source", "licence", "offline")


def backbones(
    *,
    input_size: Annotated[
        int | None, typer.Option("--input-size", min=1, metavar="PIXELS", help="Those that take this size, at it.")
    ] = None,
    max_mb: Annotated[
        float | None, typer.Option("--max-mb", min=0, help="The most the int8 network may weigh, in 10^6 bytes.")
    ] = None,
    max_mmacs: Annotated[
        float | None, typer.Option("--max-mmacs", min=0, help="The most million multiply-adds an image.")
    ] = None,
    min_top1: Annotated[
        float | None, typer.Option("--min-top1", min=0, max=100, help="The least ImageNet accuracy, in percent.")
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time each on this machine: ms, the median for one image.")
    ] = False,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="How to print.")] = ReportFormat.table,
) -> None:
    """List the networks to fine-tune: what each costs, how good it is on ImageNet, and what it needs."""
    from edgecls.training.backbones import listing

    found = listing.list_backbones(input_size=input_size, max_mb=max_mb, max_mmacs=max_mmacs, min_top1=min_top1)
    if not found:
        typer.echo("edgecls: no backbone keeps within these limits: widen them", err=True)
    rows = [listing.backbone_row(backbone) for backbone in found]
    extra = ("ms",) if measure else ()
    if measure:
        rows = [{**row, "ms": ms} for row, ms in zip(rows, _measured(found), strict=True)]
    if output_format is ReportFormat.json:
        write_rows((*listing.COLUMNS, *extra), rows, output_format.value)
    elif rows:
        write_rows((*_TABLE_COLUMNS, *extra), map(_for_people, rows), output_format.value)


def _measured(found: "Iterable[Backbone]") -> list[float]:
    from edgecls.progress import Progress
    from edgecls.training.heavy import load_tensorflow

    chosen = list(found)
    if not chosen:
        return []
    load_tensorflow()
    from edgecls.training.backbones.measure import milliseconds

    times = []
    with Progress(show=True).step("measuring", len(chosen)) as advance:
        for backbone in chosen:
            times.append(round(milliseconds(backbone), 2))
            advance()
    return times


def _for_people(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "input": f"{row['input_size']} x {row['input_size']} x {row['channels']}",
        "parameters": f"{row['parameters']:,}",
        "offline": "yes" if row["offline"] else "no",
    }
