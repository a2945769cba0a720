"""Counts an hour or a day."""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

from collections import Counter
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

from sqlite_utils import Database

from edgecls.database.timestamps import format_timestamp
from edgecls.results.queries.filters import Values


class Unit(str, Enum):
    """What is counted together."""

    hour = "hour"
    day = "day"


def per_period(db: Database, table: str, values: Values, unit: Unit) -> dict[str, Any]:
    """`counts`: one object an hour or day that has rows, oldest first, from the `table` of `counts.counted`.

    {"start", "rows", "errors", "labels"}: `start` is UTC, `labels` is {label: count}. `days_of` says whose days they are:
    `local`, those of this machine's time zone; or `UTC`, where that zone was ever off UTC by other than whole hours: what
    is counted by the hour does not add up to such days.
    """
    found = db.execute(f"SELECT hour, label, sum(rows) FROM {table} GROUP BY 1, 2", values).fetchall()
    zone = _zone({row[0] for row in found}) if unit is Unit.day else timezone.utc
    starts = {hour: _start(hour, unit, zone) for hour in {row[0] for row in found}}
    periods: dict[str, Counter[str]] = {}
    for hour, label, rows in found:
        periods.setdefault(starts[hour], Counter())[label] += rows
    counts = [
        {"start": start, "rows": labels.total(), "errors": labels.pop("", 0), "labels": dict(labels.most_common())}
        for start, labels in sorted(periods.items())
    ]
    days_of = {"days_of": "UTC" if zone else "local"} if unit is Unit.day else {}
    return {**days_of, "counts": counts}


def _zone(hours: set[str]) -> timezone | None:
    """UTC, or None for the local zone."""
    offsets = (_utc(hour).astimezone().utcoffset() for hour in hours)
    return None if all(offset is not None and not offset % timedelta(hours=1) for offset in offsets) else timezone.utc


def _start(hour: str, unit: Unit, zone: timezone | None) -> str:
    time = _utc(hour)
    if unit is Unit.hour:
        return format_timestamp(time)
    midnight = time.astimezone(zone).replace(
        hour=0, tzinfo=zone
    )  # without a zone it is local: its offset is that of midnight
    return format_timestamp(midnight)


def _utc(hour: str) -> datetime:
    return datetime.fromisoformat(f"{hour}:00").replace(tzinfo=timezone.utc)
