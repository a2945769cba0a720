"""Two models side by side."""

from collections.abc import Iterator
from typing import NamedTuple

from edgecls.bench import stages
from edgecls.bench.benchmark import Measured


class Compared(NamedTuple):
    """One figure of both; `ratio` is second / first."""

    figure: str
    first: float
    second: float
    ratio: float | None


def compare(first: Measured, second: Measured) -> Iterator[Compared]:
    """Return the measurements that both reports have, in order."""
    pairs = {"file, MB": (first.model.size / 1e6, second.model.size / 1e6)}
    if first.operators and second.operators:
        pairs["multiply-adds, millions"] = (_millions(first), _millions(second))
    for one in first.stages:
        if one.name in (stages.BOTH, stages.INFER):  # the others do not depend on the model
            pairs[f"{one.name} {one.of}, ms"] = (one.timing.median_ms, second.stage(one.name, one.of).timing.median_ms)
    for run, other in zip(first.runs, second.runs, strict=True):
        pairs[f"{run.of}, {run.plan}, images/s"] = (run.per_second, other.per_second)
    pairs["peak memory, MiB"] = (max(run.peak_mib for run in first.runs), max(run.peak_mib for run in second.runs))
    pairs["first row, s"] = (first.runs[0].first_row_s, second.runs[0].first_row_s)
    for figure, (a, b) in pairs.items():
        yield Compared(figure, a, b, b / a if a else None)


def _millions(measured: Measured) -> float:
    return sum(each.multiply_adds for each in measured.operators or ()) / 1e6
