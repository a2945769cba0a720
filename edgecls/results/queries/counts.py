"""How many rows there are, by run, hour, label and tenth of the score: read from the hourly_counts where those know it.

The hourly_counts count whole hours. Of an interval that begins or ends within an hour, the rows of that hour are counted.
"""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import json

from sqlite_utils import Database

from edgecls.database.derived import are_tallied
from edgecls.results.queries.filters import DECIDED, Filters, Values, conditions, runs_demanded
from edgecls.results.queries.hours import hour_after
from edgecls.results.queries.search import Search


def counted(db: Database, which: Filters, *, by_day: bool = False) -> tuple[str, Values]:
    """A table for after a FROM, and the values of its parameters: `run_id, hour, label, bin, rows, score_sum_micros`.

    As `hourly_counts`, but of the rows that `which` asks for (its limit aside), and with several rows for an hour, perhaps.
    `by_day`: where a whole day is counted, `hour` may be the day instead, which is a twentieth of the work.
    """
    parts, values = pieces(db, which, by_day=by_day)
    return f"({' UNION ALL '.join(parts)})", values


def pieces(db: Database, which: Filters, *, by_day: bool = False) -> tuple[list[str], Values]:
    """The same as several SELECTs, no row in two of them: asked one by one, that of the hourly_counts goes by their key."""
    if not are_tallied(db) or which.min_score is not None or which.threshold is not None or which.search is not None:
        return _from_rows(db, which)
    begin, end = which.from_time, which.to_time
    first = begin if _is_whole(begin) else hour_after(begin)
    parts, values = _from_tallies(db, which, first[:13], end[:13], by_day=by_day)
    rows, more = conditions(db, which)
    edges = [(begin, min(first, end))] if first != begin else []
    if not _is_whole(end) and end[:13] >= first[:13]:
        edges.append((end[:13], end))
    for n, (start, stop) in enumerate(edges):
        parts.append(_of_rows(f"{rows} AND classified_at >= :start{n} AND classified_at < :stop{n}"))
        values |= {f"start{n}": start, f"stop{n}": stop}
    return parts, values | more


def _from_tallies(db: Database, which: Filters, first: str, end: str, *, by_day: bool) -> tuple[list[str], Values]:
    """Of the hours from `first` up to, not with, `end`."""
    demands, values = _demands(db, which)
    first_day, last_day = _whole_days(db, first, end) if by_day else (end, end)
    parts = [_OF_HOURS.format(demands=demands, since="first_hour", until="first_day")]
    if first_day < last_day:
        parts.append(_OF_DAYS.format(demands=demands))
        parts.append(_OF_HOURS.format(demands=demands, since="last_day", until="last_hour"))
    else:
        first_day = end
    return parts, values | {"first_hour": first, "first_day": first_day, "last_day": last_day, "last_hour": end}


_OF_HOURS = """
    SELECT run_id, hour, label, bin, rows, score_sum_micros FROM hourly_counts WHERE hour >= :{since} AND hour < :{until} AND {demands}
"""
_OF_DAYS = """
    SELECT run_id, day, label, bin, rows, score_sum_micros FROM daily_counts WHERE day >= :first_day AND day < :last_day AND {demands}
"""


def _whole_days(db: Database, first: str, end: str) -> tuple[str, str]:
    """The days from the first up to, not with, the second lie in these hours, and are summed up; there may be none."""
    if "days" not in db.table_names():  # of an older edgecls, and nobody has written to it since
        return end, end
    (summed_up_to,) = db.execute("SELECT day FROM daily_counts_up_to").fetchone()
    # A day that begins within it is the next one: as texts compare, that of an hour is before the hour.
    first_day = first if first[10:] in ("", "T00") else hour_after(f"{first[:10]}T23")
    return first_day[:10], min(end[:10], summed_up_to)


def _from_rows(db: Database, which: Filters) -> tuple[list[str], Values]:
    rows, values = conditions(db, which)
    if which.search is not None:
        rows += " AND results.id IN (SELECT value FROM json_each(:among))"
        values["among"] = json.dumps(Search(db, which.search).ids())
    values |= {"start": which.from_time, "stop": which.to_time}
    return [_of_rows(f"{rows} AND classified_at >= :start AND classified_at < :stop")], values


BIN = "coalesce(max(0, min(9, CAST(score * 10 AS INTEGER))), -1)"
"""The `bin` of a row, as the hourly_counts have it."""


def _of_rows(where: str) -> str:
    return f"""
        SELECT run_id, substr(classified_at, 1, 13) AS hour, coalesce({DECIDED}, '') AS label,
               {BIN} AS bin,
               count(*) AS rows, coalesce(sum(CAST(round(score * 1000000) AS INTEGER)), 0) AS score_sum_micros
        FROM results WHERE {where} GROUP BY 1, 2, 3, 4
    """


def _demands(db: Database, which: Filters) -> tuple[str, Values]:
    """What `which` demands of a tally, its time aside."""
    demands, values = ["1"], Values()
    if which.wanted_labels:
        demands.append("label IN (SELECT value FROM json_each(:labels))")
        values["labels"] = json.dumps(which.wanted_labels)
    if which.unknown:
        demands.append("label = 'unknown'")
    if which.errors:
        demands.append("label = ''")
    of_runs, runs = runs_demanded(db, which)
    return " AND ".join([*demands, *of_runs]), values | runs


def _is_whole(time: str) -> bool:
    """Whether an hour begins at `time`; so it does where there is no limit."""
    return len(time) < 13 or time[13:] == ":00:00.000Z"
