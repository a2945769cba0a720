"""The interval in which matching rows can be, as `hourly_counts` tells.

There is no index on run, device, model or score: each would cost the device a page a row. Without this, a query for a
device that stopped half a year ago would read all rows since.
"""

# ruff: noqa: S608  # statements are built from constants; values are parameters

import json
from datetime import datetime, timedelta

from sqlite_utils import Database

from edgecls.results.queries.filters import Filters, where_run
from edgecls.results.queries.search import Search


def interval_of(db: Database, filters: Filters, search: Search | None = None) -> tuple[str, str]:
    """Return (begin, end): begin <= classified_at < end for all rows that match `filters`."""
    begin, end = filters.from_time, filters.to_time
    run_conditions, parameters = where_run(db, filters)
    labels = filters.wanted_labels if filters.threshold is None else ()
    conditions = ["hour >= :first_hour AND hour < :end", *run_conditions]
    parameters |= {"first_hour": begin[:13], "end": end}
    if labels:
        conditions.append("label IN (SELECT value FROM json_each(:labels))")
        parameters["labels"] = json.dumps(labels)
    if filters.min_score is not None or filters.max_score is not None:
        conditions.append("bin BETWEEN :lowest_bin AND :highest_bin")
        parameters["lowest_bin"] = score_bin(filters.min_score or 0.0)
        parameters["highest_bin"] = score_bin(1.0 if filters.max_score is None else filters.max_score)
    if search is not None:
        conditions.append("last_id >= :first_match AND first_id <= :last_match")
        parameters["first_match"], parameters["last_match"] = search.id_range()
    sql = f"SELECT min(hour), max(hour) FROM hourly_counts WHERE {' AND '.join(conditions)}"
    first, last = db.execute(sql, parameters).fetchone()
    if first is None:
        return begin, begin
    return max(begin, first), min(end, hour_after(last))


def hour_after(time: str) -> str:
    """Return the hour that follows the hour of `time`; where that is not a time, a text that compares as later."""
    try:
        return (datetime.fromisoformat(f"{time[:13]}:00") + timedelta(hours=1)).isoformat()[:13]
    except (ValueError, OverflowError):
        return f"{time[:13]}~"


def score_bin(score: float) -> int:
    """Return the `bin` of a score in `hourly_counts`, 0 to 9."""
    return max(0, min(9, int(score * 10)))
