"""The tables of the command `bench`; each fits 80 columns."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from edgecls.cli.output import OutputFormat, printable, write_rows

if TYPE_CHECKING:
    from edgecls.bench.benchmark import Measured
    from edgecls.bench.comparison import Compared

NO_TIMES = "no times: the runtimes do not report the time of an operator to Python"
_LONGEST_NAME = 12
"""The longest name of a model, in characters, in the heading of a column."""


def print_compared(names: Sequence[str], compared: "Sequence[Compared]") -> None:
    """Print the figures of two models side by side; print nothing for one model."""
    if not compared:
        return
    first, second = (f"{place} {name[:_LONGEST_NAME]}" for place, name in zip("AB", names, strict=True))
    rows = [
        {"": each.figure, first: _figure(each.first), second: _figure(each.second), "B / A": _figure(each.ratio)}
        for each in compared
    ]
    write_rows(("", first, second, "B / A"), rows, OutputFormat.table)
    typer.echo()


def print_measured(each: "Measured", cores: int) -> None:
    """Print the times of the stages and of the daemon, and the operators of the network."""
    typer.echo(printable(f"{each.model.name}, {each.runtime}, {cores} core{'' if cores == 1 else 's'}") + "\n")
    columns = ("stage", "of", "median ms", "p99 ms", "images/s", "cpu ms", "spread")
    rows = [
        {
            "stage": stage.name,
            "of": stage.of,
            "median ms": _figure(stage.timing.median_ms),
            "p99 ms": _figure(stage.timing.p99_ms),
            "images/s": _figure(stage.timing.per_second),
            "cpu ms": _figure(stage.timing.cpu_ms),
            "spread": f"{stage.timing.spread:.0%}",
        }
        for stage in each.stages
    ]
    write_rows(columns, rows, OutputFormat.table)
    typer.echo()
    _runs(each)
    _operators(each)


def _runs(each: "Measured") -> None:
    """Print a row for each run of the daemon, with times in ms.

    `share` is the share of the processor's upper bound that the daemon reached. Noise can make it greater than 1.
    """
    limits = {limit.of: limit.per_second for limit in each.limits}
    rows = [
        {
            "daemon": run.of,
            "threads": run.plan,
            "median": f"{run.median_ms:.0f}",
            "p99": f"{run.p99_ms:.0f}",
            "images/s": _figure(run.per_second),
            "share": _figure(run.per_second / limits[run.of]),
            "MiB": f"{run.peak_mib:.0f}",
            "start s": f"{run.first_row_s:.2f}",
        }
        for run in each.runs
    ]
    write_rows(
        ("daemon", "threads", "median", "p99", "images/s", "share", "MiB", "start s"),
        rows,
        OutputFormat.table,
    )
    typer.echo()


def _operators(each: "Measured") -> None:
    if not each.operators:
        return
    work: Counter[str] = Counter()
    for operator in each.operators:
        work[operator.name] += operator.multiply_adds
    counts = Counter(operator.name for operator in each.operators)
    total = sum(work.values()) or 1
    rows = [
        {
            "operator": name,
            "count": counts[name],
            "multiply-adds": f"{done / 1e6:.1f} M" if done else "",
            "share": f"{done / total:.1%}" if done else "",
        }
        for name, done in work.most_common()
    ]
    write_rows(("operator", "count", "multiply-adds", "share"), rows, OutputFormat.table)
    typer.echo(f"({NO_TIMES})\n")


def _figure(value: float | None) -> str:
    """Format a number with three significant digits and without an exponent."""
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"
