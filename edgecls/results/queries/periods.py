"""Counts by hour or day."""

# ruff: noqa: S608  # statements are built from constants; values are parameters

from collections import Counter
from datetime import datetime, timedelta, timezone
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
    zone = _zone(hours) if unit is Unit.day else timezone.utc
    starts = {hour: _start(hour, unit, zone) for hour in hours}
    periods: dict[str, Counter[str]] = {}
    for hour, label, rows in rows_by_hour:
        periods.setdefault(starts[hour], Counter())[label] += rows
    counts = [
        {"start": start, "rows": labels.total(), "errors": labels.pop("", 0), "labels": dict(labels.most_common())}
        for start, labels in sorted(periods.items())
    ]
    days_of = {"days_of": "UTC" if zone else "local"} if unit is Unit.day else {}
    return {**days_of, "counts": counts}


def _zone(hours: set[str]) -> timezone | None:
    """Return UTC, or None for the local time zone."""
    offsets = (_utc(hour).astimezone().utcoffset() for hour in hours)
    return None if all(offset is not None and not offset % timedelta(hours=1) for offset in offsets) else timezone.utc


def _start(hour: str, unit: Unit, zone: timezone | None) -> str:
    time = _utc(hour)
    if unit is Unit.hour:
        return format_timestamp(time)
    # Without a time zone it is local time, with the offset of its midnight.
    return format_timestamp(time.astimezone(zone).replace(hour=0, tzinfo=zone))


def _utc(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00").replace(tzinfo=timezone.utc)
