"""Points in time in words, by a clock that stands still, and the hours and days that are counted."""

import time
import warnings
from datetime import datetime, timezone

import pytest
from sqlite_utils import Database

from edgecls.cli.times import parse_time
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
    ],
)
def test_words(zone, monkeypatch, zone_name, text, utc):
    zone(zone_name)
    for module in ("datetime.datetime", "edgecls.cli.times.datetime"):
        monkeypatch.setattr(module, Frozen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = parse_time(text, "--since")
    assert found.astimezone(timezone.utc).isoformat(timespec="minutes") == f"{utc}+00:00"


def test_what_words_were_taken_for_is_said(zone, capsys, monkeypatch):
    zone("Asia/Kolkata")
    for module in ("datetime.datetime", "edgecls.cli.times.datetime"):
        monkeypatch.setattr(module, Frozen)
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
