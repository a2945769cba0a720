"""Points in time as people write them."""

import re
from datetime import datetime, timezone
from typing import Any

import typer

from edgecls.database.timestamps import parse_timestamp
from edgecls.errors import UsageError

HINT = "write 2026-11-24, 2026-11-24T18:30, 2026-11-24T18:30:00Z, today, yesterday, monday or 2 hours ago"


def parse_time(text: str | None, option: str) -> datetime | None:
    """ISO 8601, a date (its midnight) or a date-time, or English words; local time without an offset. None stays None.

    What words were taken for is said on stderr.

    Raises:
        UsageError: it is no time; the message names `option`.
    """
    if text is None:
        return None
    plain = text.strip()
    if plain[-1:] in {"Z", "z"}:  # which fromisoformat takes from Python 3.11 on
        plain = plain[:-1] + "+00:00"
    try:
        return datetime.fromisoformat(plain).astimezone()
    except (ValueError, OverflowError) as error:
        found = _in_words(plain)
        if found is None:
            raise UsageError(f"{option} {text} is not a time: {HINT}") from error
    typer.echo(f"edgecls: {option} {found.isoformat(timespec='seconds')}", err=True)
    return found


def _in_words(text: str) -> datetime | None:
    words = " ".join(text.lower().split())
    if words in ("today", "yesterday"):  # days begin at midnight, which may be 23 or 25 hours ago
        return _midnight(days_ago=int(words == "yesterday"))
    # A number alone, or 5.11.2026, which is another day in another country, is not guessed at.
    if re.match(r"\d{4}-", words):
        return None
    if not re.search("[a-z]", words) and not re.fullmatch(r"\d\d?:\d\d(:\d\d)?", words):
        return None
    from dateparser import parse

    settings: dict[str, Any] = {"PREFER_DATES_FROM": "past", "PARSERS": ["relative-time", "absolute-time"]}
    found: datetime | None
    try:
        if words.endswith(" ago"):  # by UTC, in which every hour has its name
            settings["RELATIVE_BASE"] = datetime.now(timezone.utc).replace(tzinfo=None)
            found = parse(words, languages=["en"], settings=settings)
            return found and found.replace(tzinfo=timezone.utc).astimezone()
        found = parse(words, languages=["en"], settings=settings)
        return found and found.astimezone()
    except (ValueError, OverflowError):
        return None


def _midnight(days_ago: int) -> datetime:
    from datetime import time, timedelta

    day = datetime.now().astimezone().date() - timedelta(days=days_ago)
    return datetime.combine(day, time()).astimezone()


def local(text: str | None) -> str | None:
    """A time of the database in this machine's time zone, with its offset: as --since and --until take it."""
    if text is None:
        return None
    return parse_timestamp(text).astimezone().isoformat(timespec="seconds")
