"""Finding frames of a range of scores among millions, of which few may be in it.

There is no index on the score: SQLite would look at row after row. But the hourly_counts say in which hours there is a score
of that tenth, and of that label: only those hours are looked into.
"""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from datasette.database import QueryInterrupted
from datasette.utils import sqlite_timelimit

from edgecls.results.queries.filters import AFTER_ALL
from edgecls.results.queries.hours import Span, hour_after, joined, score_bin
from edgecls.results.web.selection import Selection

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

FOREVER: Span = ("", AFTER_ALL)


async def spans(site: "Site", which: Selection) -> list[Span]:
    """Where frames that `which` asks for may be, newest first; all of time where its scores are no reason to look."""
    if which.least is None and which.most is None:
        return [FOREVER]
    label = "AND label = :label" if which.label else ""
    found = await site.results.execute(
        f"SELECT DISTINCT hour FROM hourly_counts WHERE bin BETWEEN :low AND :high {label} ORDER BY hour DESC",
        {"low": score_bin(which.least or 0.0), "high": score_bin(1.0 if which.most is None else which.most)}
        | {"label": which.label},
    )
    return joined(((hour, hour_after(hour)) for (hour,) in found.rows), newest_first=True)


async def gather(
    site: "Site", sql: str, values: dict[str, Any], limit: int, where: Sequence[Span]
) -> list[sqlite3.Row]:
    """The first `limit` rows of `sql`, asked for each span in turn (:first, :end, :limit), within the site's time limit."""

    def look(connection: sqlite3.Connection) -> list[sqlite3.Row]:
        found: list[sqlite3.Row] = []
        with sqlite_timelimit(connection, site.sql_time_limit_ms):
            for first, end in where:
                asked = {**values, "first": first, "end": end, "limit": limit - len(found)}
                found += connection.execute(sql, asked).fetchall()
                if len(found) >= limit:
                    break
        return found

    try:
        rows: list[sqlite3.Row] = await site.results.execute_fn(look)
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise QueryInterrupted(error, sql, values) from error
        raise
    return rows
