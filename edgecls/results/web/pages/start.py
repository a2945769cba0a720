"""The start page: how many frames, with which labels, and what went wrong."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from datasette.utils.asgi import Request, Response
from sqlite_utils import Database

from edgecls.database.timestamps import parse_timestamp
from edgecls.records import UNKNOWN
from edgecls.results.queries.counts import count_by_label
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.frame_details import add_reviews
from edgecls.results.queries.periods import Unit, count_by_period
from edgecls.results.queries.rows import Row, find_rows
from edgecls.results.web import chart
from edgecls.results.web.site import Site

_RANGES = {
    "day": (timedelta(hours=23), "hour", "24 hours"),
    "week": (timedelta(days=7, hours=-1), "day", "7 days"),
    "month": (timedelta(days=30, hours=-1), "day", "30 days"),
}
"""Name -> (how long ago the first bar begins, the unit of a bar, the title); `all` is the other range."""
_MAX_BARS = 62
_LABELS = 12


async def start_page(datasette: Site, request: Request) -> Response:
    """`/`; `range` selects the time range of the chart."""
    now, requested = datetime.now(timezone.utc), request.args.get("range")
    page = await datasette.results.read(lambda db: _read_page(db, now, requested))
    return Response.html(await datasette.render_template("edgecls/start.html", page, request=request))


def _read_page(db: Database, now: datetime, requested_range: str | None) -> dict[str, Any]:
    newest = next(find_rows(db, columns=("classified_at",)), None)
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "here": "start",
        "newest": newest,
        "run": _latest_run(db),
        "periods": [
            ("Today", _totals(db, Filters(since=midnight))),
            ("Last 7 days", _totals(db, Filters(since=_hour_of(now - timedelta(days=7))))),
            ("All", _totals(db, NO_FILTERS)),
        ],
        "reviews": _review_counts(db),
        "unknowns": add_reviews(db, list(find_rows(db, Filters(unknown=True, limit=8)))),
        "errors": list(find_rows(db, Filters(errors=True, limit=6))),
        **_chart(db, requested_range, now, parse_timestamp(newest["classified_at"]) if newest else None),
    }


def _hour_of(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _totals(db: Database, filters: Filters) -> dict[str, Any]:
    counts = count_by_label(db, filters)
    rows, unknown, errors = counts.total(), counts[UNKNOWN], counts[""]
    shares = (unknown / rows, errors / rows) if rows else (None, None)
    return {"rows": rows, "errors": errors, "unknown_share": shares[0], "error_share": shares[1]}


def _chart(db: Database, requested: str | None, now: datetime, newest: datetime | None) -> dict[str, Any]:
    """Return the chart and the labels of a range: by default, the shortest range that has rows."""
    if requested not in {*_RANGES, "all"}:
        ages = ((name, length) for name, (length, *_) in _RANGES.items())
        requested = next((name for name, length in ages if newest and now - newest <= length), "all")
    if requested == "all":
        oldest = next(find_rows(db, order="oldest", columns=("classified_at",)), None)
        first, last = (parse_timestamp(oldest["classified_at"]), newest) if oldest and newest else (now, now)
        unit, since = ("day" if last - first < timedelta(days=_MAX_BARS) else "month"), None
    else:
        length, unit, _ = _RANGES[requested]
        first, last = now - length, now
        since = _hour_of(first)
    counts = _count_by_name(db, replace(NO_FILTERS, since=since), unit)
    labels: Counter[str] = sum(counts.values(), Counter())
    labels.pop("", None)
    return {
        "range": requested,
        "ranges": [*((name, title) for name, (*_, title) in _RANGES.items()), ("all", "All")],
        "chart": chart.stacked(counts, chart.period_names(first, last, unit)),
        "labels": labels.most_common(_LABELS),
        "highest_count": max(labels.values(), default=0),
    }


def _count_by_name(db: Database, filters: Filters, unit: str) -> dict[str, Counter[str]]:
    """Return the name of a period -> label -> rows; errors have the label ''."""
    result = count_by_period(db, filters, Unit.hour if unit == "hour" else Unit.day)
    is_utc = result.get("days_of") == "UTC"
    by_name: dict[str, Counter[str]] = {}
    for period in result["counts"]:
        start = parse_timestamp(period["start"])
        name = chart.period_name(start.replace(tzinfo=None) if is_utc else start.astimezone(), unit)
        by_name.setdefault(name, Counter()).update({**period["labels"], "": period["errors"]})
    return by_name


def _latest_run(db: Database) -> Row | None:
    values = db.execute(_LATEST_RUN).fetchone()
    return values and dict(zip(("device", "model", "stopped_at", "stop_reason"), values, strict=True))


_LATEST_RUN = """
    SELECT device, models.name, stopped_at, stop_reason FROM runs JOIN models ON models.id = model_id
    ORDER BY runs.id DESC LIMIT 1
"""


def _review_counts(db: Database) -> Row:
    frames, right, decided = db.execute(_REVIEWS, {"unknown": UNKNOWN}).fetchone()
    return {"frames": frames, "right_share": right / decided if decided else None}


_REVIEWS = "SELECT count(*), sum(label = predicted), sum(predicted <> :unknown) FROM reviews"
