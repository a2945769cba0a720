"""What people have said of the predictions, as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from edgecls.cli.output import OutputFormat, write_rows

FIGURES = ("accuracy", "precision", "answered")


def print_reviewed(models: Sequence[Mapping[str, Any]]) -> None:
    """Of each model two tables: how often it was right, and the same label by label. `models` as of `review_figures`."""
    for found in models:
        columns = ["all", *(["by chance"] if found["random"] else [])]
        parts = dict(zip(columns, (found, found["random"]), strict=False))
        heading = f"reviewed of {found['model']}"
        rows = [{heading: "frames", **{name: part["frames"] for name, part in parts.items()}}]
        rows += [
            {heading: figure, **{name: interval(part[figure]) for name, part in parts.items()}} for figure in FIGURES
        ]
        typer.echo()
        write_rows((heading, *columns), rows, OutputFormat.table)
        typer.echo()
        labels = [
            {**each, **{name: interval(each[name]) for name in ("precision", "recall")}} for each in found["labels"]
        ]
        write_rows(("label", "frames", "predicted", "precision", "recall"), labels, OutputFormat.table)


def interval(share: Mapping[str, float] | None) -> str:
    """`0.870 (0.792 to 0.921)`: a share, and its 95 % interval."""
    return "" if share is None else f"{share['share']:.3f} ({share['low']:.3f} to {share['high']:.3f})"
