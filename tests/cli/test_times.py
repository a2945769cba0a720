"""Points in time in words, by a clock that stands still, and the hours and days that are counted."""

import re
import time
from datetime import datetime, timezone

import pytest
from sqlite_utils import Database

from edgecls.cli.times import parse_time
from edgecls.errors import UsageError
from edgecls.results.queries.filters import NO_FILTERS
from edgecls.results.queries.periods import Unit, count_by_period


class Frozen(datetime):
    """2026-03-29T12:00Z: in Berlin the day on which an hour is left out."""

    @classmethod
    def now(cls, tz=None):
        now = cls(2026, 3, 29, 12, tzinfo=timezone.utc)
        return now.astimezone(tz) if tz else now.astimezone().replace(tzinfo=None)


@pytest.fixture
def zone(monkeypatch):
    def set_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone_name", "text", "utc"),
    [
        ("UTC", "today", "2026-03-29T00:00"),
        ("UTC", "Yesterday", "2026-03-28T00:00"),
        ("UTC", "2 hours ago", "2026-03-29T10:00"),
        ("UTC", "1 day ago", "2026-03-28T12:00"),
        ("Europe/Berlin", "today", "2026-03-28T23:00"),
        ("Europe/Berlin", "yesterday", "2026-03-27T23:00"),
        ("Europe/Berlin", "12 hours ago", "2026-03-29T00:00"),  # over the hour that was left out
        ("Asia/Kolkata", "today", "2026-03-28T18:30"),
        ("Asia/Kolkata", " 30  minutes ago ", "2026-03-29T11:30"),
        ("America/Los_Angeles", "today", "2026-03-29T07:00"),
        ("UTC", "an hour ago", "2026-03-29T11:00"),
        ("UTC", "5 weeks ago", "2026-02-22T12:00"),
        ("UTC", "11:45", "2026-03-29T11:45"),
        ("UTC", "18:30:10", "2026-03-28T18:30"),
        ("Europe/Berlin", "1:30", "2026-03-29T00:30"),
        ("UTC", "sunday", "2026-03-29T00:00"),
        ("UTC", "Monday", "2026-03-23T00:00"),
        ("Europe/Berlin", "saturday", "2026-03-27T23:00"),
    ],
)
def test_words(zone, monkeypatch, zone_name, text, utc):
    zone(zone_name)
    monkeypatch.setattr("edgecls.cli.times.datetime", Frozen)
    assert parse_time(text, "--since").astimezone(timezone.utc).isoformat(timespec="minutes") == f"{utc}+00:00"


class FirstOfMonth(datetime):
    """2026-12-01T02:21Z."""

    @classmethod
    def now(cls, tz=None):
        now = cls(2026, 12, 1, 2, 21, tzinfo=timezone.utc)
        return now.astimezone(tz) if tz else now.astimezone().replace(tzinfo=None)


@pytest.mark.parametrize(("text", "utc"), [("9:30", "2026-11-30T09:30"), ("tuesday", "2026-12-01T00:00")])
def test_words_on_the_first_of_a_month(zone, monkeypatch, text, utc):
    zone("UTC")
    monkeypatch.setattr("edgecls.cli.times.datetime", FirstOfMonth)
    assert parse_time(text, "--since").isoformat(timespec="minutes") == f"{utc}+00:00"


@pytest.mark.parametrize(
    "text", ["", "5", "5.11.2026", "25:00", "10:60", "tomorrow", "9999999999 weeks ago", "-1 hours ago"]
)
def test_what_is_not_a_time(text):
    with pytest.raises(UsageError, match=f"invalid time --since {re.escape(text)}: use "):
        parse_time(text, "--since")


def test_what_words_were_taken_for_is_said(zone, capsys, monkeypatch):
    zone("Asia/Kolkata")
    monkeypatch.setattr("edgecls.cli.times.datetime", Frozen)
    parse_time("today", "--until")
    assert capsys.readouterr().err == "edgecls: --until 2026-03-29T00:00:00+05:30\n"


@pytest.mark.parametrize(
    ("zone_name", "unit", "days_of", "counts"),
    [
        ("UTC", Unit.hour, None, {"2026-03-28T22:00": 1, "2026-03-28T23:00": 2, "2026-03-29T22:00": 4}),
        ("UTC", Unit.day, "local", {"2026-03-28T00:00": 3, "2026-03-29T00:00": 4}),
        # Midnight on the 29th is still winter's, midnight on the 30th is summer's: that day has 23 hours.
        ("Europe/Berlin", Unit.day, "local", {"2026-03-27T23:00": 1, "2026-03-28T23:00": 2, "2026-03-29T22:00": 4}),
        ("Asia/Kolkata", Unit.day, "UTC", {"2026-03-28T00:00": 3, "2026-03-29T00:00": 4}),
    ],
)
def test_periods(zone, zone_name, unit, days_of, counts):
    zone(zone_name)
    with Database(memory=True) as database:
        database.execute("CREATE TABLE hourly_counts (run_id, hour, label, bin, rows, score_sum_micros)")
        for hour, label, rows in (("28T22", "cat", 1), ("28T23", "", 2), ("29T22", "cat", 4)):
            database.execute("INSERT INTO hourly_counts VALUES (1, ?, ?, 9, ?, 0)", (f"2026-03-{hour}", label, rows))
        found = count_by_period(database, NO_FILTERS, unit)
    assert found.get("days_of") == days_of
    assert {each["start"][:16]: each["rows"] for each in found["counts"]} == counts
