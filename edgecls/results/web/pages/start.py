"""The start page: how much, of what, how sure, and what went wrong."""

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import Request, Response

from edgecls.database.timestamps import parse_timestamp
from edgecls.records import UNKNOWN
from edgecls.results.web import chart, figures
from edgecls.results.web.frames import Row, has_table, select
from edgecls.results.web.selection import Selection

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

_RANGES = {"day": (24, "hour", "24 hours"), "week": (7 * 24, "day", "7 days"), "month": (30 * 24, "day", "30 days")}
"""Name -> (hours back, a bar, what it is called); and `all`."""
_MOST_BARS = 62
_LABELS = 12


async def start(datasette: "Site", request: Request) -> Response:
    """`/`; `range` says what the chart is about."""
    now = datetime.now(timezone.utc)
    newest = await select(datasette, Selection(), 1)
    page = {
        "here": "start",
        "newest": newest[0] if newest else None,
        "run": await _latest_run(datasette),
        "periods": [
            ("Today", await figures.totals(datasette, figures.hour(_midnight(now)))),
            ("Last 7 days", await figures.totals(datasette, figures.hour(now - timedelta(days=7)))),
            ("All", await figures.totals(datasette, "")),
        ],
        "reviews": await _reviews(datasette),
        "unknowns": await select(datasette, Selection(label=UNKNOWN), 8),
        "errors": await select(datasette, Selection(errors=True), 6),
        **await _chart(datasette, request.args.get("range"), now, newest),
    }
    return Response.html(await datasette.render_template("edgecls/start.html", page, request=request))


async def _chart(site: "Site", asked: str | None, now: datetime, newest: list[Row]) -> dict[str, Any]:
    """The chart of a range, and the labels of it; unasked, the shortest in which there is something."""
    if asked not in {*_RANGES, "all"}:
        asked = next(
            (name for name, (hours, *_) in _RANGES.items() if _age(newest, now) < timedelta(hours=hours)), "all"
        )
    if asked == "all":
        since, unit, first, last = "", "day", *await _extent(site, now)
        unit = "day" if last - first < timedelta(days=_MOST_BARS) else "month"
    else:
        hours, unit, _ = _RANGES[asked]
        first, last = now - timedelta(hours=hours - 1), now
        since = figures.hour(first)
    counts = await figures.over_time(site, since, unit)
    labels = await figures.labels(site, since, _LABELS)
    return {
        "range": asked,
        "ranges": [*((name, text) for name, (*_, text) in _RANGES.items()), ("all", "All")],
        "chart": chart.stacked(counts, figures.spans(first, last, unit)),
        "labels": labels,
        "most": max((rows for _, rows in labels), default=0),
    }


def _midnight(now: datetime) -> datetime:
    return now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


def _age(newest: list[Row], now: datetime) -> timedelta:
    return now - parse_timestamp(newest[0]["classified_at"]) if newest else timedelta.max


async def _extent(site: "Site", now: datetime) -> tuple[datetime, datetime]:
    """The times of the oldest and the newest row."""
    # Each by itself is read off the index; both at once, SQLite walks through all of it.
    sql = "SELECT (SELECT min(classified_at) FROM results), (SELECT max(classified_at) FROM results)"
    found = (await site.results.execute(sql)).first()
    return (parse_timestamp(found[0]), parse_timestamp(found[1])) if found[0] else (now, now)


async def _latest_run(site: "Site") -> Row | None:
    found = await site.results.execute(
        "SELECT device, version, models.name AS model, stopped_at, stop_reason FROM runs "
        "JOIN models ON models.id = model_id ORDER BY runs.id DESC LIMIT 1"
    )
    return dict(found.first()) if found.rows else None


async def _reviews(site: "Site") -> Row | None:
    if not await has_table(site, "reviews"):
        return None
    sql = """
        SELECT count(*) AS frames, sum(label = predicted) AS right, sum(predicted <> :unknown) AS decided FROM reviews
    """
    return dict((await site.results.execute(sql, {"unknown": UNKNOWN})).first())
