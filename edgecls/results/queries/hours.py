"""The hours in which rows may be found: known from the hourly_counts, so that a search need not look into the others.

There is no index by run, device, model or score: each would cost the device a page a row. But the hourly_counts say, of each
hour, which runs wrote which labels with which scores, and between which ids.
"""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlite_utils import Database

from edgecls.records import UNKNOWN
from edgecls.results.queries.filters import Filters, Values, runs_demanded

Span = tuple[str, str]
"""`classified_at` from the first text up to, not with, the second."""


class Hour(NamedTuple):
    """An hour, or what the filter leaves of it.

    `rows`: so many at most meet the demands on label, run and score; with ids from `first_id` to `last_id`, which are
    None where the hourly_counts do not know them.
    """

    span: Span
    rows: int
    first_id: int | None
    last_id: int | None


def are_bounded(db: Database) -> bool:
    """Whether these say between which ids and scores their rows lie; those of an older edgecls do not."""
    return "first_id" in db.table("hourly_counts").columns_dict


def spans(db: Database, which: Filters, *, newest_first: bool) -> Iterator[Span]:
    """The stretches of time in which rows of `which` may be, hours in a row as one stretch."""
    for page in _pages(db, which, newest_first=newest_first):
        yield from joined((hour.span for hour in page), newest_first=newest_first)


def joined(each: Iterable[Span], *, newest_first: bool) -> list[Span]:
    """Spans that follow one another as one."""
    longer: list[Span] = []
    for begin, end in each:
        if longer and newest_first and longer[-1][0] == end:
            longer[-1] = (begin, longer[-1][1])
        elif longer and not newest_first and longer[-1][1] == begin:
            longer[-1] = (longer[-1][0], end)
        else:
            longer.append((begin, end))
    return longer


def hours(db: Database, which: Filters, *, newest_first: bool) -> Iterator[Hour]:
    """The same, hour by hour."""
    for page in _pages(db, which, newest_first=newest_first):
        yield from page


PAGE = 240
"""Hours read at a time, in a millisecond or two: mostly the rows wanted are in the first of them."""


def _pages(db: Database, which: Filters, *, newest_first: bool) -> Iterator[list[Hour]]:
    """Between two pages nothing is held."""
    demands, values = tally_demands(db, which)
    ids = "min(first_id), max(last_id)" if are_bounded(db) else "NULL, NULL"
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT hour, sum(rows), {ids} FROM hourly_counts WHERE {demands} GROUP BY hour ORDER BY hour {order} LIMIT {PAGE}"
    while page := db.execute(sql, values).fetchall():
        yield [Hour((max(hour, which.from_time), min(hour_after(hour), which.to_time)), *rest) for hour, *rest in page]
        # In place of the bound that was there: of two, SQLite would seek one, and read all up to the other.
        last = page[-1][0]
        values |= {"before": last} if newest_first else {"first": f"{last}~"}


def hour_after(time: str) -> str:
    """The hour after that of `time`; its own end where a clock has written what is no time."""
    try:
        return (datetime.fromisoformat(f"{time[:13]}:00") + timedelta(hours=1)).isoformat()[:13]
    except (ValueError, OverflowError):
        return f"{time[:13]}~"


def tally_demands(db: Database, which: Filters) -> tuple[str, Values]:
    """What rows of `which` demand of a tally: at least that, and no more."""
    values: Values = {"first": which.from_time[:13], "before": f"{which.to_time[:13]}~"}
    demands = ["hour >= :first AND hour < :before"]
    if which.errors:
        demands.append("label = ''")
    labels = which.wanted_labels
    if labels and (which.threshold is None or UNKNOWN not in labels):
        demands.append("label IN (SELECT value FROM json_each(:labels))")
        values["labels"] = json.dumps(labels if which.threshold is None else (*labels, UNKNOWN))
        if which.threshold is not None:  # what is under it is unknown now; what has no score stays as it is
            demands.append("(bin >= :from_threshold OR bin = -1)")
            values["from_threshold"] = score_bin(which.threshold)
    if which.min_score is not None:
        demands.append("bin >= :bin")
        values["bin"] = score_bin(which.min_score)
    if which.threshold is not None and labels == (UNKNOWN,):
        demands.append("bin <= :under")
        values["under"] = score_bin(which.threshold)
    of_runs, runs = runs_demanded(db, which)
    return " AND ".join([*demands, *of_runs]), values | runs


def score_bin(score: float) -> int:
    """The tenth that a score is in, 0 to 9, as the hourly_counts have it."""
    return max(0, min(9, int(score * 10)))
