"""Counts by hour or day."""

# ruff: noqa: S608  # statements are built from constants; values are parameters

from collections import Counter
from datetime import datetime, timedelta
from datetime import time as midnight
from enum import Enum
from typing import Any

from sqlite_utils import Database

from edgecls.database.timestamps import format_timestamp
from edgecls.results.queries.counts import counts_table
from edgecls.results.queries.filters import Filters


class Unit(str, Enum):
    """The length of a period."""

    hour = "hour"
    day = "day"


def count_by_period(db: Database, filters: Filters, unit: Unit) -> dict[str, Any]:
    """Return the counts of each hour or day that has rows, oldest first.

    Returns:
        `counts`, a list of {"start", "rows", "errors", "labels"}, where `start` is in UTC and `labels` is {label: count}.
        By day also `days_of`: `local` for the days of this machine's time zone, or `UTC` if the offset of that zone
        is not always whole hours, since counts by the hour do not add up to such days.
    """
    table, parameters = counts_table(db, filters)
    rows_by_hour = db.execute(f"SELECT hour, label, sum(rows) FROM {table} GROUP BY 1, 2", parameters).fetchall()
    hours = {hour for hour, *_ in rows_by_hour}
    if unit is Unit.hour:
        starts, days_of = {hour: f"{hour}:00:00.000Z" for hour in hours}, {}
    else:
        starts, is_local = _starts_of_days(hours)
        days_of = {"days_of": "local" if is_local else "UTC"}
    periods: dict[str, Counter[str]] = {}
    for hour, label, rows in rows_by_hour:
        periods.setdefault(starts[hour], Counter())[label] += rows
    counts = [
        {"start": start, "rows": labels.total(), "errors": labels.pop("", 0), "labels": dict(labels.most_common())}
        for start, labels in sorted(periods.items())
    ]
    return {**days_of, "counts": counts}


def _starts_of_days(hours: set[str]) -> tuple[dict[str, str], bool]:
    """Return (hour -> start of its day, whether the days are local)."""
    times = {hour: datetime.fromisoformat(f"{hour}:00+00:00").astimezone() for hour in hours}
    if any((time.utcoffset() or timedelta()) % timedelta(hours=1) for time in times.values()):
        return {hour: f"{hour[:10]}T00:00:00.000Z" for hour in hours}, False
    # A midnight has an offset of its own, where the clocks change on that day.
    starts = {
        date: format_timestamp(datetime.combine(date, midnight())) for date in {time.date() for time in times.values()}
    }
    return {hour: starts[time.date()] for hour, time in times.items()}, True
