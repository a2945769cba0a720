"""The numbers of the start page: from the hourly_counts that triggers keep, or, in an older database, counted."""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from edgecls.model.labels import find_label
from edgecls.records import UNKNOWN
from edgecls.results.web.frames import has_table
from edgecls.results.web.selection import Selection

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

_COUNTED = """(SELECT substr(classified_at, 1, 13) AS hour, coalesce(label, '') AS label, count(*) AS rows
    FROM results GROUP BY 1, 2)"""
_UNITS = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}
"""Spans of local time, as both SQLite's and Python's strftime write them."""


def hour(time: datetime) -> str:
    """The hour of `time` as the hourly_counts have it, in UTC."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H")


async def hourly_counts(site: "Site") -> str:
    """What to select (hour, label, rows) from."""
    return "hourly_counts" if await has_table(site, "hourly_counts") else _COUNTED


async def totals(site: "Site", since: str) -> dict[str, Any]:
    """`rows`, and of them `unknown` and `errors`, from this hour on ('': all), with their shares (None without rows)."""
    sql = f"""
        SELECT coalesce(sum(rows), 0), coalesce(sum(rows) FILTER (WHERE label = :unknown), 0),
               coalesce(sum(rows) FILTER (WHERE label = ''), 0)
        FROM {await hourly_counts(site)} WHERE hour >= :since
    """
    rows, unknown, errors = (await site.results.execute(sql, {"since": since, "unknown": UNKNOWN})).first()
    shares = {"unknown_share": unknown / rows, "error_share": errors / rows} if rows else {}
    return {"rows": rows, "unknown": unknown, "errors": errors, "unknown_share": None, "error_share": None, **shares}


async def labels(site: "Site", since: str = "", limit: int = 1000) -> list[tuple[str, int]]:
    """(label, rows) from this hour on, most frequent first; errors are none."""
    sql = f"""
        SELECT label, sum(rows) FROM {await hourly_counts(site)}
        WHERE hour >= :since AND label <> '' GROUP BY label ORDER BY 2 DESC, 1 LIMIT :limit
    """
    return [(row[0], row[1]) for row in (await site.results.execute(sql, {"since": since, "limit": limit})).rows]


async def choices(site: "Site", which: Selection) -> tuple[Selection, list[tuple[str, int]]]:
    """Return (`which` with its label spelled as in the database, (label, rows) to choose from).

    These are the labels that there are, and the wanted one.
    """
    found = await labels(site)
    if not which.label or which.label in dict(found):
        return which, found
    if spelled := find_label(which.label, dict(found)):
        return replace(which, label=spelled), found
    return which, [*found, (which.label, 0)]


async def over_time(site: "Site", since: str, unit: str) -> dict[str, dict[str, int]]:
    """Span of local time -> label -> rows, from this hour on; `unit`: hour, day or month. '' is an error."""
    counted = await hourly_counts(site)
    # Local time is worked out once an hour, not once a tally: of ten million rows, 0.2 s instead of 2.
    sql = f"""
        WITH hours AS (
            SELECT hour, strftime(:form, hour || ':00:00', 'localtime') AS span
            FROM (SELECT DISTINCT hour FROM {counted} WHERE hour >= :since)
        )
        SELECT span, label, sum(rows) FROM hours JOIN
            (SELECT hour, label, sum(rows) AS rows FROM {counted} WHERE hour >= :since GROUP BY 1, 2) USING (hour)
        GROUP BY 1, 2 ORDER BY 1
    """
    found: dict[str, dict[str, int]] = {}
    for span, label, rows in (await site.results.execute(sql, {"since": since, "form": _UNITS[unit]})).rows:
        found.setdefault(span, {})[label] = rows
    return found


def spans(first: datetime, last: datetime, unit: str) -> list[str]:
    """All spans from that of `first` to that of `last`, local times, also those in which nothing happened."""
    step = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=27)}[unit]
    found: list[str] = []
    time, end = first.astimezone(), last.astimezone().strftime(_UNITS[unit])
    if unit == "day":
        time = time.replace(hour=12)  # a day of 23 hours is not stepped over
    while not found or found[-1] < end:
        span = time.strftime(_UNITS[unit])
        if not found or span != found[-1]:
            found.append(span)
        time = (time + step).astimezone()
    return found
