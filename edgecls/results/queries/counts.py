"""Counts of rows by run, hour, label and tenth of the score, from `hourly_counts`.

That table counts whole hours. The rows of an hour that an interval covers only in part are counted one by one.
"""

# ruff: noqa: S608  # statements are built from constants; values are parameters

import json
from collections import Counter

from sqlite_utils import Database

from edgecls.results.queries.filters import Filters, Parameters, where, where_run
from edgecls.results.queries.interval import hour_after


def count_by_label(db: Database, filters: Filters) -> Counter[str]:
    """Return label -> rows; errors have the label ''."""
    table, parameters = counts_table(db, filters)
    return Counter(dict(db.execute(f"SELECT label, sum(rows) FROM {table} GROUP BY label", parameters).fetchall()))


def counts_table(db: Database, filters: Filters) -> tuple[str, Parameters]:
    """Return (a subquery for a FROM clause, its parameters) with the columns of `count_selects`."""
    selects, parameters = count_selects(db, filters)
    return f"({' UNION ALL '.join(selects)})", parameters


def count_selects(db: Database, filters: Filters) -> tuple[list[str], Parameters]:
    """Return (SELECT statements, their parameters) that count the rows that match `filters`, each row once.

    Their columns are run_id, hour, label, bin, rows and score_sum_micros, as in `hourly_counts`; an hour may occur
    twice. Run one by one, the first reads `hourly_counts` in the order of its key.

    Raises:
        ValueError: `filters` have a condition that `hourly_counts` does not know, such as a score.
    """
    supported = Filters(
        labels=filters.labels, since=filters.since, until=filters.until, errors=filters.errors, unknown=filters.unknown,
        devices=filters.devices, runs=filters.runs, models=filters.models, limit=filters.limit,
    )  # fmt: skip
    if filters != supported:
        raise ValueError(f"cannot count by {filters}")
    begin, end = filters.from_time, filters.to_time
    first = begin if _is_whole_hour(begin) else hour_after(begin)
    whole, parameters = _where_counts(db, filters)
    selects = [f"{_HOURLY} WHERE hour >= :first_hour AND hour < :last_hour AND {whole}"]
    parameters |= {"first_hour": first[:13], "last_hour": end[:13]}
    rows, more = where(db, filters)
    edges = [(begin, min(first, end))] if first != begin else []
    if not _is_whole_hour(end) and end[:13] >= first[:13]:
        edges.append((end[:13], end))
    for n, (start, stop) in enumerate(edges):
        selects.append(
            f"{_FROM_ROWS} WHERE {rows} AND classified_at >= :start{n} AND classified_at < :stop{n} {_GROUPED}"
        )
        parameters |= {f"start{n}": start, f"stop{n}": stop}
    return selects, parameters | more


_HOURLY = "SELECT run_id, hour, label, bin, rows, score_sum_micros FROM hourly_counts"
_FROM_ROWS = """
    SELECT run_id, substr(classified_at, 1, 13) AS hour, coalesce(label, '') AS label,
           coalesce(max(0, min(9, CAST(score * 10 AS INTEGER))), -1) AS bin, count(*) AS rows,
           coalesce(sum(CAST(round(score * 1000000) AS INTEGER)), 0) AS score_sum_micros
    FROM results
"""
_GROUPED = "GROUP BY 1, 2, 3, 4"


def _where_counts(db: Database, filters: Filters) -> tuple[str, Parameters]:
    """Return the conditions on `hourly_counts` for `filters`, except for their interval."""
    conditions, parameters = ["1"], Parameters()
    if filters.wanted_labels:
        conditions.append("label IN (SELECT value FROM json_each(:labels))")
        parameters["labels"] = json.dumps(filters.wanted_labels)
    if filters.unknown:
        conditions.append("label = 'unknown'")
    if filters.errors:
        conditions.append("label = ''")
    run_conditions, runs = where_run(db, filters)
    return " AND ".join([*conditions, *run_conditions]), parameters | runs


def _is_whole_hour(time: str) -> bool:
    """Return whether an hour begins at `time`; True for an open end."""
    return len(time) < 13 or time[13:] == ":00:00.000Z"
