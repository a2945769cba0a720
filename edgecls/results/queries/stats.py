"""A results database in figures."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import database_path, read_transaction
from edgecls.database.sqlite_errors import translate_errors
from edgecls.records import UNKNOWN
from edgecls.results.queries.counts import counted
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.finding import COLUMNS, Finding
from edgecls.results.queries.periods import Unit, per_period
from edgecls.results.queries.rows import Row, find_rows

NEWEST = 10_000
"""Latencies are those of so many rows."""


def stats(db: Database, which: Filters = NO_FILTERS, *, by: Unit | None = None) -> dict[str, Any]:
    """Summary of the rows that `which` asks for; its `limit` does not count.

    `rows` = `classified` + `unknown` + `errors`; `unknown_rate`, of the frames without an error, and `error_rate`,
    of all; `first_classified_at` and `last_classified_at` (UTC, null without rows); `runs`: how many runs wrote them.
    `labels`: {"label", "count", "share", "mean_score"}, most frequent first, share being that of all frames without an
    error; `models`: {"model", "sha256", "count"}; `scores`: {"from", "to", "count"} of each tenth.
    `throughput`: {"rows_per_hour", "busiest_hour", "rows_in_busiest_hour"}, the first of the hours that have rows.
    `decode_ms` and `infer_ms`: {"median", "p95", "p99"} of the `latency_rows` newest rows, NEWEST at most;
    interpolated, null without values. Rates are null where they are of nothing.

    With `by`, also `counts`: see `periods.per_period`.
    """
    with translate_errors(database_path(db)), read_transaction(db):
        sums, values = counted(db, which, by_day=True)
        hourly_counts = [_Tally(*row) for row in db.execute(_TALLIES.format(table=sums), values)]
        table, values = counted(db, which)
        hours = db.execute(_HOURS.format(table=table), values).fetchone()
        found = {
            **_totals(hourly_counts),
            "first_classified_at": _time_of(db, which, "oldest"),
            "last_classified_at": _time_of(db, which, "newest"),
            "runs": len({tally.run_id for tally in hourly_counts}),
            "throughput": _throughput(*hours),
            **_latencies(db, which),
            "labels": _labels(hourly_counts),
            "scores": _scores(hourly_counts),
            "models": _models(db, hourly_counts),
        }
        if by is not None:
            found |= per_period(db, table, values, by)
    return found


class _Tally(NamedTuple):
    run_id: int
    label: str
    bin: int
    rows: int
    score_sum_micros: int


_TALLIES = "SELECT run_id, label, bin, sum(rows), sum(score_sum_micros) FROM {table} GROUP BY 1, 2, 3"
_HOURS = """
    SELECT sum(rows), count(*), hour, max(rows) FROM (SELECT hour, sum(rows) AS rows FROM {table} GROUP BY hour)
"""


def _totals(hourly_counts: Sequence[_Tally]) -> dict[str, Any]:
    rows = sum(tally.rows for tally in hourly_counts)
    unknown = sum(tally.rows for tally in hourly_counts if tally.label == UNKNOWN)
    errors = sum(tally.rows for tally in hourly_counts if not tally.label)
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


def _time_of(db: Database, which: Filters, order: str) -> str | None:
    """`classified_at` of the first row in this order."""
    row = next(find_rows(db, which, order), None)
    return None if row is None else str(row["classified_at"])


def _throughput(rows: int | None, hours: int, busiest: str | None, most: int | None) -> Row:
    return {
        "rows_per_hour": round(rows / hours, 1) if rows else None,
        "busiest_hour": busiest and f"{busiest}:00:00.000Z",
        "rows_in_busiest_hour": most,
    }


def _labels(hourly_counts: Sequence[_Tally]) -> list[Row]:
    rows, score_sum_micros, scored = Counter[str](), Counter[str](), Counter[str]()
    for tally in hourly_counts:
        rows[tally.label] += tally.rows
        score_sum_micros[tally.label] += tally.score_sum_micros
        scored[tally.label] += tally.rows if tally.bin >= 0 else 0
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


def _scores(hourly_counts: Sequence[_Tally]) -> list[Row]:
    bins = Counter[int]()
    for tally in hourly_counts:
        bins[tally.bin] += tally.rows
    return [{"from": n / 10, "to": (n + 1) / 10, "count": bins[n]} for n in range(10)]


def _models(db: Database, hourly_counts: Sequence[_Tally]) -> list[Row]:
    known = {run: (name, sha256) for run, name, sha256 in db.execute(_MODELS)}
    rows = Counter[tuple[str, str]]()
    for tally in hourly_counts:
        rows[known[tally.run_id]] += tally.rows
    return [
        {"model": name, "sha256": sha256, "count": count}
        for (name, sha256), count in sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    ]


_MODELS = "SELECT runs.id, name, sha256 FROM runs JOIN models ON models.id = model_id"


def _latencies(db: Database, which: Filters) -> dict[str, Any]:
    """Of all rows they would take seconds: a million values have to be read, and sorted."""
    newest = list(itertools.islice(Finding(db, which, tuple(_DURATIONS)).rows("newest"), NEWEST))
    measured = {name: [row[at] for row in newest if row[at] is not None] for name, at in _DURATIONS.items()}
    return {"latency_rows": len(newest)} | {name: _percentiles(values) for name, values in measured.items()}


_DURATIONS = {name: COLUMNS.index(name) for name in ("decode_ms", "infer_ms")}


def _percentiles(values: list[float]) -> dict[str, float | None]:
    """Interpolated between neighbours."""
    values.sort()
    return {name: _percentile(values, share) for name, share in (("median", 0.5), ("p95", 0.95), ("p99", 0.99))}


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return round(ordered[below] + (rank - below) * (ordered[above] - ordered[below]), 3)
