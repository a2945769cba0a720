"""Parsing and printing of times in local time."""

import re
from datetime import datetime, timezone
from typing import Any

import typer

from edgecls.database.timestamps import parse_timestamp
from edgecls.errors import UsageError

HINT = "use 2026-11-24, 2026-11-24T18:30, 2026-11-24T18:30:00Z, today, yesterday, monday or 2 hours ago"


def parse_time(text: str | None, option: str) -> datetime | None:
    """Return the time that `text` means: ISO 8601 (a date is its midnight) or English words; None for None.

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
    except (ValueError, OverflowError) as error:
        time = _parse_words(plain)
        if time is None:
            raise UsageError(f"invalid time {option} {text}: {HINT}") from error
    typer.echo(f"edgecls: {option} {time.isoformat(timespec='seconds')}", err=True)
    return time


def _parse_words(text: str) -> datetime | None:
    words = " ".join(text.lower().split())
    if words in ("today", "yesterday"):  # days begin at midnight, which may be 23 or 25 hours ago
        return _midnight(days_ago=int(words == "yesterday"))
    # A number alone is not accepted, nor is 5.11.2026, which is another day in another country.
    if re.match(r"\d{4}-", words):
        return None
    if not re.search("[a-z]", words) and not re.fullmatch(r"\d\d?:\d\d(:\d\d)?", words):
        return None
    from dateparser import parse

    settings: dict[str, Any] = {"PREFER_DATES_FROM": "past", "PARSERS": ["relative-time", "absolute-time"]}
    time: datetime | None
    try:
        if words.endswith(" ago"):  # in UTC, where no hour is missing or repeated
            settings["RELATIVE_BASE"] = datetime.now(timezone.utc).replace(tzinfo=None)
            time = parse(words, languages=["en"], settings=settings)
            return time and time.replace(tzinfo=timezone.utc).astimezone()
        time = parse(words, languages=["en"], settings=settings)
        return time and time.astimezone()
    except (ValueError, OverflowError):
        return None


def _midnight(days_ago: int) -> datetime:
    from datetime import time as time_of_day
    from datetime import timedelta

    day = datetime.now().astimezone().date() - timedelta(days=days_ago)
    return datetime.combine(day, time_of_day()).astimezone()


def local(text: str | None) -> str | None:
    """Return a time of the database in local time with its offset, as --since and --until accept it."""
    if text is None:
        return None
    return parse_timestamp(text).astimezone().isoformat(timespec="seconds")
