"""Tables of how often predictions were correct according to the reviews."""

from collections.abc import Mapping, Sequence
from typing import Any

import typer

from edgecls.cli.output import OutputFormat, write_rows

FIGURES = ("accuracy", "precision", "answered")


def print_reviewed(models: Sequence[Mapping[str, Any]]) -> None:
    """Print two tables for each model of `review_figures`: its shares of correct predictions, and those of each label."""
    for model in models:
        columns = ["all", *(["random sample"] if model["random"] else [])]
        parts = dict(zip(columns, (model, model["random"]), strict=False))
        heading = f"reviews of {model['model']}"
        rows = [{heading: "frames", **{name: part["frames"] for name, part in parts.items()}}]
        rows += [
            {heading: figure, **{name: format_interval(part[figure]) for name, part in parts.items()}}
            for figure in FIGURES
        ]
        typer.echo()
        write_rows((heading, *columns), rows, OutputFormat.table)
        typer.echo()
        labels = [
            {**each, **{name: format_interval(each[name]) for name in ("precision", "recall")}}
            for each in model["labels"]
        ]
        write_rows(("label", "frames", "predicted", "precision", "recall"), labels, OutputFormat.table)


def format_interval(share: Mapping[str, float] | None) -> str:
    """Return a share and its 95 % interval: `0.870 (0.792 to 0.921)`; '' for None."""
    return "" if share is None else f"{share['share']:.3f} ({share['low']:.3f} to {share['high']:.3f})"
