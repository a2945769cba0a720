"""The filters of the templates: how numbers and times are written on the pages."""

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from edgecls.database.timestamps import parse_timestamp
from edgecls.records import UNKNOWN


def when(text: str | None) -> str:
    """Return a time of the database in local time, to the second; a text that is not a time unchanged."""
    time = _parse(text)
    return (text or "") if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(text: str | None) -> str:
    """Return a short form of a time: to the minute in this year, the day otherwise."""
    time = _parse(text)
    if time is None:
        return text or ""
    local = time.astimezone()
    is_this_year = local.year == datetime.now().astimezone().year
    return f"{local.day} {local:%b %H:%M}" if is_this_year else f"{local.day} {local:%b %Y}"


def ago(text: str | None, now: datetime | None = None) -> str:
    """Return how long ago a time was, in its largest unit."""
    time = _parse(text)
    if time is None:
        return text or ""
    seconds = ((now or datetime.now(timezone.utc)) - time).total_seconds()
    if seconds < 0:
        return when(text)
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count:,} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def zone() -> str:
    """Return the name of the time zone of local times."""
    return datetime.now().astimezone().tzname() or "local time"


def number(value: float) -> str:
    """Return `value` with thousands separators: 12,345."""
    return f"{value:,}"


def percent(share: float | None) -> str:
    """Return a share as a percentage with two digits: 0.4 %, 12 %; a hyphen for None."""
    if share is None:
        return "-"
    return f"{share * 100:.1f} %" if 0 < share < 0.0995 else f"{share * 100:.0f} %"


def format_top_k(top_k: str) -> str:
    """Return the JSON of `top_k` as one line: tabby 0.91, lynx 0.05; anything else unchanged."""
    try:
        return ", ".join(f"{guess['label']} {guess['score']:.2f}" for guess in json.loads(top_k))
    except (ValueError, TypeError, KeyError):
        return top_k


def best_guess(row: Mapping[str, Any]) -> str | None:
    """Return the label, or for an unknown frame the one with the highest score."""
    if row["label"] != UNKNOWN:
        return str(row["label"])
    return str(row["top_k"][0]["label"]) if row["top_k"] else None


def basename(path: str | None) -> str:
    """Return the last part of a path."""
    return (path or "").rsplit("/", 1)[-1]


def _parse(text: str | None) -> datetime | None:
    try:
        return parse_timestamp(text or "")
    except ValueError:
        return None
