"""The command `backbones`. TensorFlow is loaded only for --measure."""

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
        int | None,
        typer.Option("--input-size", min=1, metavar="PIXELS", help="Only backbones that support this input size."),
    ] = None,
    max_mb: Annotated[
        float | None,
        typer.Option("--max-mb", min=0, metavar="MB", help="The maximum size of the int8 network in megabytes."),
    ] = None,
    max_mmacs: Annotated[
        float | None,
        typer.Option(
            "--max-mmacs", min=0, metavar="N", help="The maximum number of multiply-adds per image in millions."
        ),
    ] = None,
    min_top1: Annotated[
        float | None,
        typer.Option(
            "--min-top1", min=0, max=100, metavar="PERCENT", help="The minimum ImageNet top-1 accuracy in percent."
        ),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Measure the median time per image on this machine in milliseconds.")
    ] = False,
    output_format: Annotated[ReportFormat, typer.Option("--format", help="The output format.")] = ReportFormat.table,
) -> None:
    """List the networks that can be fine-tuned, with their cost, ImageNet accuracy and requirements."""
    from edgecls.training.backbones import listing

    selected = listing.list_backbones(input_size=input_size, max_mb=max_mb, max_mmacs=max_mmacs, min_top1=min_top1)
    if not selected:
        typer.echo("edgecls: no backbone is within these limits: relax them", err=True)
    rows = [listing.backbone_row(backbone) for backbone in selected]
    extra = ("ms",) if measure else ()
    if measure:
        rows = [{**row, "ms": ms} for row, ms in zip(rows, _measure(selected), strict=True)]
    if output_format is ReportFormat.json:
        write_rows((*listing.COLUMNS, *extra), rows, output_format.value)
    elif rows:
        write_rows((*_TABLE_COLUMNS, *extra), map(_table_row, rows), output_format.value)


def _measure(backbones: "Iterable[Backbone]") -> list[float]:
    from edgecls.progress import Progress
    from edgecls.training.heavy import load_tensorflow

    selected = list(backbones)
    if not selected:
        return []
    load_tensorflow()
    from edgecls.training.backbones.measure import median_milliseconds

    times = []
    with Progress(show=True).step("measuring", len(selected)) as advance:
        for backbone in selected:
            times.append(round(median_milliseconds(backbone), 2))
            advance()
    return times


def _table_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "input": f"{row['input_size']} x {row['input_size']} x {row['channels']}",
        "parameters": f"{row['parameters']:,}",
        "offline": "yes" if row["offline"] else "no",
    }
