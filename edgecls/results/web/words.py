"""How numbers and times are written on the pages."""

import json
from datetime import datetime, timezone

from edgecls.database.timestamps import parse_timestamp


def when(text: str | None) -> str:
    """A time of the database in local time, to the second; what is none as it is."""
    found = _time(text)
    return (text or "") if found is None else found.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(text: str | None) -> str:
    """The same where there is little room: to the minute in this year, the day of another."""
    found = _time(text)
    if found is None:
        return text or ""
    local = found.astimezone()
    is_this_year = local.year == datetime.now().astimezone().year
    return f"{local.day} {local:%b %H:%M}" if is_this_year else f"{local.day} {local:%b %Y}"


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long ago a time of the database was, in one word and its unit; `now` for tests."""
    found = _time(text)
    if found is None:
        return text or ""
    seconds = ((now or datetime.now(timezone.utc)) - found).total_seconds()
    if seconds < 0:
        return when(text)
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count:,} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def zone() -> str:
    """The name of the zone that local times are in."""
    return datetime.now().astimezone().tzname() or "local time"


def number(value: float) -> str:
    """With commas: 12,345."""
    return f"{value:,}"


def percent(share: float | None) -> str:
    """A share as a percentage of two or three digits: 0.4 %, 12 %; a hyphen for none."""
    if share is None:
        return "-"
    return f"{share * 100:.1f} %" if 0 < share < 0.0995 else f"{share * 100:.0f} %"


def guesses(top_k: str) -> str:
    """The JSON of a row's best labels on one line: tabby 0.91, lynx 0.05; what is no such thing as it is."""
    try:
        return ", ".join(f"{each['label']} {each['score']:.2f}" for each in json.loads(top_k))
    except (ValueError, TypeError, KeyError):
        return top_k


def file_name(path: str | None) -> str:
    """The last part of a path."""
    return (path or "").rsplit("/", 1)[-1]


def _time(text: str | None) -> datetime | None:
    try:
        return parse_timestamp(text or "")
    except ValueError:
        return None
