"""Parsing and printing of times in local time."""

import re
from datetime import datetime, timedelta, timezone

import typer

from edgecls.database.timestamps import parse_timestamp
from edgecls.errors import UsageError

HINT = "use 2026-11-24, 2026-11-24T18:30, 2026-11-24T18:30:00Z, 18:30, today, yesterday, monday or 2 hours ago"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse_time(text: str | None, option: str) -> datetime | None:
    """Return the time that `text` means: ISO 8601 (a date is its midnight) or words such as HINT has; None for None.

    Without an offset it is local time. The time that words stand for is printed to stderr.

    Raises:
        UsageError: `text` is not a time; the message names `option`.
    """
    if text is None:
        return None
    plain = text.strip()
    if plain[-1:] in {"Z", "z"}:  # which fromisoformat takes from Python 3.11 on
        plain = plain[:-1] + "+00:00"
    try:
        return datetime.fromisoformat(plain).astimezone()
    except (ValueError, OverflowError):
        pass
    try:
        time = _parse_words(plain)
    except (ValueError, OverflowError):  # 25:00, or before the year 1
        time = None
    if time is None:
        raise UsageError(f"invalid time {option} {text}: {HINT}")
    typer.echo(f"edgecls: {option} {time.isoformat(timespec='seconds')}", err=True)
    return time


def _parse_words(text: str) -> datetime | None:
    words = " ".join(text.lower().split())
    if words in ("today", "yesterday"):
        return _local_time(days_ago=int(words == "yesterday"))
    today = datetime.now().astimezone()
    if words in _WEEKDAYS:  # the last one; on that day itself, today
        return _local_time(days_ago=(today.weekday() - _WEEKDAYS.index(words)) % 7)
    if clock := re.fullmatch(r"(\d\d?):(\d\d)(?::(\d\d))?", words):
        time_of_day = [int(number or 0) for number in clock.groups()]
        time = _local_time(0, *time_of_day)
        return time if time <= today else _local_time(1, *time_of_day)
    if ago := re.fullmatch(r"(\d+|an?) (second|minute|hour|day|week)s? ago", words):
        count = 1 if ago[1].startswith("a") else int(ago[1])
        # In UTC, where no hour is missing or repeated.
        return (datetime.now(timezone.utc) - timedelta(**{f"{ago[2]}s": count})).astimezone()
    return None


def _local_time(days_ago: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Return the local time of a day: midnight may be 23 or 25 hours after the midnight before."""
    day = datetime.now().astimezone().date() - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, hour, minute, second).astimezone()


def local(text: str | None) -> str | None:
    """Return a time of the database in local time with its offset, as --since and --until accept it."""
    if text is None:
        return None
    return parse_timestamp(text).astimezone().isoformat(timespec="seconds")
