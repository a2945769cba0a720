"""Stacked bars: from counts to rectangles, which a template draws as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgecls.records import UNKNOWN

WIDTH, HEIGHT = 1000, 100
"""Of the drawing, in its own units; the page stretches it."""
MOST_LABELS = 6
"""That get a colour of their own; more cannot be told apart."""


class Bar(NamedTuple):
    """A rectangle of the drawing, of one label in one span."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """`bars`; `legend`: (kind, name, rows); `top`: rows at the upper edge; `ticks`: a few of the spans, evenly."""

    bars: list[Bar]
    legend: list[tuple[str, str, int]]
    top: int
    ticks: list[str]


def stacked(counts: Mapping[str, Mapping[str, int]], spans: Sequence[str]) -> Chart:
    """`counts` (span -> label -> rows, '' for errors) over all `spans`, drawn from left to right."""
    totals: dict[str, int] = {}
    for of_span in counts.values():
        for label, rows in of_span.items():
            totals[label] = totals.get(label, 0) + rows
    named = sorted((label for label in totals if label not in {"", UNKNOWN}), key=lambda label: -totals[label])
    shown = named[:MOST_LABELS]
    kinds = {label: f"label{place}" for place, label in enumerate(shown)} | {UNKNOWN: "unknown", "": "error"}
    series = [(kinds[label], label, [label]) for label in shown]
    if rest := named[MOST_LABELS:]:
        series.append(("others", f"{len(rest)} others", rest))
    series += [("unknown", UNKNOWN, [UNKNOWN]), ("error", "errors", [""])]
    series = [each for each in series if any(label in totals for label in each[2])]
    top = nice(max((sum(each.values()) for each in counts.values()), default=0))
    return Chart(
        list(_bars(counts, spans, series, top)),
        [(kind, name, sum(totals.get(label, 0) for label in labels)) for kind, name, labels in series],
        top,
        _ticks(spans),
    )


def _bars(
    counts: Mapping[str, Mapping[str, int]],
    spans: Sequence[str],
    series: Sequence[tuple[str, str, Sequence[str]]],
    top: int,
) -> list[Bar]:
    step = WIDTH / max(1, len(spans))
    found = []
    for place, span in enumerate(spans):
        of_span, y = counts.get(span, {}), float(HEIGHT)
        for kind, name, labels in series:
            if rows := sum(of_span.get(label, 0) for label in labels):
                height = rows / top * HEIGHT
                y -= height
                bar = (round(place * step + step * 0.1, 2), round(y, 3), round(step * 0.8, 2), round(height, 3))
                found.append(Bar(*bar, kind, f"{span}: {rows:,} {name}"))
    return found


def nice(most: int) -> int:
    """The least that is at least `most` of 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30 and so on: it and its half read well."""
    power: int = 10 ** math.floor(math.log10(max(1, most)))
    steps = (step * power // 10 for step in (10, 15, 20, 30, 40, 50, 60, 80, 100))
    return next(step for step in steps if step >= most)


def _ticks(spans: Sequence[str]) -> list[str]:
    if len(spans) < 4:
        return list(spans)
    return [spans[round(share * (len(spans) - 1) / 3)] for share in range(4)]
