"""Statistics of a results database."""

# statements are built from constants; values are parameters

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import database_path, read_transaction
from edgecls.database.sqlite_errors import translate_errors
from edgecls.records import UNKNOWN
from edgecls.results.queries.counts import counts_table
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.periods import Unit, count_by_period
from edgecls.results.queries.rows import Row, find_rows

LATENCY_ROWS = 10_000
"""Latencies are those of this many newest rows: all rows would take seconds to read and sort."""


def stats(db: Database, filters: Filters = NO_FILTERS, *, by: Unit | None = None) -> dict[str, Any]:
    """Return statistics of the rows that match `filters`, which may name labels, an interval, runs, devices and models.

    Returns:
        `rows` = `classified` + `unknown` + `errors`; `unknown_rate`, of the frames without an error, and `error_rate`, of
        all rows; `first_classified_at` and `last_classified_at` (UTC); `runs`, their number; `labels`: {"label", "count",
        "share", "mean_score"}, most frequent first, where the share is that of all frames without an error; `models`:
        {"model", "sha256", "count"}; `scores`: {"from", "to", "count"} of each tenth; `throughput`: {"rows_per_hour",
        "busiest_hour", "rows_in_busiest_hour"}, the first over the hours that have rows; `decode_ms` and `infer_ms`:
        {"median", "p95", "p99"} of the `latency_rows` newest rows, LATENCY_ROWS at most. Undefined values are None.
        With `by`, also what `count_by_period` returns.
    """
    filters = replace(filters, limit=None)
    with translate_errors(database_path(db)), read_transaction(db):
        table, parameters = counts_table(db, filters)
        counts = [_Count(*row) for row in db.execute(_COUNTS.format(table=table), parameters)]
        hours = db.execute(_HOURS.format(table=table), parameters).fetchone()
        summary = {
            **_totals(counts),
            "first_classified_at": _time_of(db, filters, "oldest"),
            "last_classified_at": _time_of(db, filters, "newest"),
            "runs": len({count.run_id for count in counts}),
            "throughput": _throughput(*hours),
            **_latencies(db, filters),
            "labels": _labels(counts),
            "scores": _scores(counts),
            "models": _models(db, counts),
        }
        if by is not None:
            summary |= count_by_period(db, filters, by)
    return summary


class _Count(NamedTuple):
    run_id: int
    label: str
    bin: int
    rows: int
    score_sum_micros: int


_COUNTS = "SELECT run_id, label, bin, sum(rows), sum(score_sum_micros) FROM {table} GROUP BY 1, 2, 3"
_HOURS = """
    SELECT sum(rows), count(*), hour, max(rows) FROM (SELECT hour, sum(rows) AS rows FROM {table} GROUP BY hour)
"""


def _totals(counts: Sequence[_Count]) -> dict[str, Any]:
    rows = sum(count.rows for count in counts)
    unknown = sum(count.rows for count in counts if count.label == UNKNOWN)
    errors = sum(count.rows for count in counts if not count.label)
    return {
        "rows": rows,
        "classified": rows - unknown - errors,
        "unknown": unknown,
        "errors": errors,
        "unknown_rate": _share(unknown, rows - errors),
        "error_rate": _share(errors, rows),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _time_of(db: Database, filters: Filters, order: str) -> str | None:
    """Return `classified_at` of the first row in this order."""
    row = next(find_rows(db, filters, order, columns=("classified_at",)), None)
    return None if row is None else str(row["classified_at"])


def _throughput(rows: int | None, hours: int, busiest: str | None, rows_in_busiest: int | None) -> Row:
    return {
        "rows_per_hour": round(rows / hours, 1) if rows else None,
        "busiest_hour": busiest and f"{busiest}:00:00.000Z",
        "rows_in_busiest_hour": rows_in_busiest,
    }


def _labels(counts: Sequence[_Count]) -> list[Row]:
    rows, score_sum_micros, scored = Counter[str](), Counter[str](), Counter[str]()
    for count in counts:
        rows[count.label] += count.rows
        score_sum_micros[count.label] += count.score_sum_micros
        scored[count.label] += count.rows if count.bin >= 0 else 0
    whole = rows.total() - rows.pop("", 0)
    return [
        {
            "label": label,
            "count": count,
            "share": _share(count, whole),
            "mean_score": round(score_sum_micros[label] / scored[label] / 1e6, 6) if scored[label] else None,
        }
        for label, count in sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    ]


def _scores(counts: Sequence[_Count]) -> list[Row]:
    bins = Counter[int]()
    for count in counts:
        bins[count.bin] += count.rows
    return [{"from": n / 10, "to": (n + 1) / 10, "count": bins[n]} for n in range(10)]


def _models(db: Database, counts: Sequence[_Count]) -> list[Row]:
    models = {run: (name, sha256) for run, name, sha256 in db.execute(_MODELS)}
    rows = Counter[tuple[str, str]]()
    for count in counts:
        rows[models[count.run_id]] += count.rows
    return [
        {"model": name, "sha256": sha256, "count": count}
        for (name, sha256), count in sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    ]


_MODELS = "SELECT runs.id, name, sha256 FROM runs JOIN models ON models.id = model_id"


def _latencies(db: Database, filters: Filters) -> dict[str, Any]:
    columns = ("decode_ms", "infer_ms")
    newest = list(find_rows(db, replace(filters, limit=LATENCY_ROWS), columns=columns))
    percentiles = {name: _percentiles([row[name] for row in newest if row[name] is not None]) for name in columns}
    return {"latency_rows": len(newest), **percentiles}


def _percentiles(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "p95": None, "p99": None}
    # A single value has no quantiles before Python 3.13; repeated, it has.
    quantiles = statistics.quantiles(values if len(values) > 1 else values * 2, n=100, method="inclusive")
    return {name: round(quantiles[percent - 1], 3) for name, percent in (("median", 50), ("p95", 95), ("p99", 99))}
