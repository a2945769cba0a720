"""Stacked bars: from counts to rectangles, which a template draws as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from edgecls.records import UNKNOWN

WIDTH, HEIGHT = 1000, 100
"""The size of the drawing in its own units; the page stretches it."""
MAX_COLOURS = 6
"""Labels with a colour of their own; more cannot be told apart."""
_FORMATS = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}
_STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=27)}


class Bar(NamedTuple):
    """A rectangle of the drawing: one label in one period. `kind` is its CSS class."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class LegendEntry(NamedTuple):
    """The meaning of a colour. `kind` is its CSS class."""

    kind: str
    name: str
    rows: int


@dataclass(frozen=True)
class Chart:
    """A drawing. `top` is the number of rows at its upper edge; `ticks` are some of the periods, evenly spaced."""

    bars: list[Bar]
    legend: list[LegendEntry]
    top: int
    ticks: list[str]


def stacked(counts: Mapping[str, Mapping[str, int]], periods: Sequence[str]) -> Chart:
    """Return the chart of `counts` (period -> label -> rows, '' for errors) over `periods`, from left to right."""
    totals: dict[str, int] = {}
    for of_period in counts.values():
        for label, rows in of_period.items():
            totals[label] = totals.get(label, 0) + rows
    named = sorted((label for label in totals if label not in {"", UNKNOWN}), key=lambda label: -totals[label])
    series = [(f"label{number}", label, [label]) for number, label in enumerate(named[:MAX_COLOURS])]
    if rest := named[MAX_COLOURS:]:
        series.append(("others", f"{len(rest)} others", rest))
    series += [("unknown", UNKNOWN, [UNKNOWN]), ("error", "errors", [""])]
    series = [each for each in series if any(totals.get(label) for label in each[2])]
    top = round_up(max((sum(of_period.values()) for of_period in counts.values()), default=0))
    return Chart(
        _bars(counts, periods, series, top),
        [LegendEntry(kind, name, sum(totals.get(label, 0) for label in labels)) for kind, name, labels in series],
        top,
        _ticks(periods),
    )


def _bars(
    counts: Mapping[str, Mapping[str, int]],
    periods: Sequence[str],
    series: Sequence[tuple[str, str, Sequence[str]]],
    top: int,
) -> list[Bar]:
    step = WIDTH / max(1, len(periods))
    bars = []
    for number, period in enumerate(periods):
        of_period, y = counts.get(period, {}), float(HEIGHT)
        for kind, name, labels in series:
            if rows := sum(of_period.get(label, 0) for label in labels):
                height = rows / top * HEIGHT
                y -= height
                rectangle = (round((number + 0.1) * step, 2), round(y, 3), round(step * 0.8, 2), round(height, 3))
                bars.append(Bar(*rectangle, kind, f"{period}: {rows:,} {name}"))
    return bars


def round_up(value: int) -> int:
    """Return the next of 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30 and so on: it and its half are easy to read."""
    power: int = 10 ** math.floor(math.log10(max(1, value)))
    steps = (step * power // 10 for step in (10, 15, 20, 30, 40, 50, 60, 80, 100))
    return next(step for step in steps if step >= value)


def period_name(time: datetime, unit: str) -> str:
    """Return the name of the hour, day or month of a time."""
    return time.strftime(_FORMATS[unit])


def period_names(first: datetime, last: datetime, unit: str) -> list[str]:
    """Return the names of all periods in local time from that of `first` to that of `last`, also of empty ones."""
    names: list[str] = []
    time, end = first.astimezone(), period_name(last.astimezone(), unit)
    if unit == "day":
        time = time.replace(hour=12)  # so that a day of 23 hours is not stepped over
    while not names or names[-1] < end:
        name = period_name(time, unit)
        if not names or name != names[-1]:
            names.append(name)
        time = (time + _STEPS[unit]).astimezone()
    return names


def _ticks(periods: Sequence[str]) -> list[str]:
    if len(periods) < 4:
        return list(periods)
    return [periods[round(share * (len(periods) - 1) / 3)] for share in range(4)]
