"""The answers of a model: counts of frames by label and by tenth of the score, for each hour of each run.

They come from `hourly_counts`, so rows are not scanned.
"""

# ruff: noqa: S608  # statements are built from constants; values are parameters

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from edgecls.database.timestamps import format_timestamp
from edgecls.errors import UsageError
from edgecls.results.queries.counts import count_selects
from edgecls.results.queries.filters import Filters, matches_model

Cluster = tuple[str, int]
"""(an hour in UTC, the id of a run)"""


@dataclass(frozen=True, slots=True)
class Period:
    """The interval `since` <= classified_at < `until`, with time zones; None means no limit."""

    since: datetime | None = None
    until: datetime | None = None

    def overlaps(self, other: "Period") -> bool:
        """Return whether a row can be in both periods."""
        mine, others = _filters(self, None), _filters(other, None)
        return mine.from_time < others.to_time and others.from_time < mine.to_time

    def as_dict(self) -> dict[str, str | None]:
        """Return the period for JSON, in UTC."""
        ends = {"since": self.since, "until": self.until}
        return {name: None if end is None else format_timestamp(end) for name, end in ends.items()}


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of `models`; `metrics` is JSON."""

    id: int
    name: str
    sha256: str
    metrics: str


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """The number of frames by label and by tenth of the score (0 to 9), for each cluster.

    `errors` is the number of frames without an answer.
    """

    by_label: Mapping[Cluster, Mapping[str, int]]
    by_bin: Mapping[Cluster, Mapping[int, int]]
    errors: int

    @property
    def labels(self) -> set[str]:
        """The labels that occur."""
        return {label for counts in self.by_label.values() for label in counts}

    @property
    def answered(self) -> int:
        """The number of frames with a label."""
        return sum(sum(counts.values()) for counts in self.by_label.values())

    @property
    def hours(self) -> int:
        """The number of hours with an answer."""
        return len({hour for hour, _ in self.by_label})

    def by_category(self, distribution: str, categories: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the counts of "labels" or "scores", int64 (clusters, categories)."""
        if distribution == "labels":
            rows = [[counts.get(label, 0) for label in categories] for counts in self.by_label.values()]
        else:
            rows = [[counts.get(bin_, 0) for bin_ in range(len(categories))] for counts in self.by_bin.values()]
        return np.array(rows, np.int64)


def find_model(db: Database, period: Period, name: str | None, device: str | None) -> ModelRow:
    """Return the model with that name or beginning of its SHA-256; of several, the one with the latest answer.

    Only rows of the period and the device count. Raises UsageError, which lists the models that have rows.
    """
    last_hours: dict[int, str] = {}
    for run, hour in _read_counts(db, _LAST, _filters(period, device)):
        last_hours[run] = max(hour, last_hours.get(run, ""))
    models = {run: ModelRow(*columns) for run, *columns in db.execute(_MODELS_OF_RUNS)}
    newest_runs = sorted(last_hours, key=lambda run: (last_hours[run], run), reverse=True)
    for run in newest_runs:
        model = models[run]
        if name is None or matches_model(name, model.name, model.sha256):
            return model
    known = ", ".join(sorted({models[run].name for run in newest_runs}))
    if known:
        raise UsageError(f"no rows of the model {name!r} in the period (models with rows: {known})")
    raise UsageError(f"no rows in the period{'' if device is None else f' from the device {device}'}: widen it")


_LAST = "SELECT run_id, max(hour) FROM {counts} GROUP BY run_id"
_ANSWERED = "label <> '' AND bin >= 0"
# Two queries: one for both would have ten times as many groups.
_LABELS = f"SELECT hour, run_id, label, sum(rows) FROM {{counts}} WHERE {_ANSWERED} GROUP BY 1, 2, 3"
_BINS = f"SELECT hour, run_id, bin, sum(rows) FROM {{counts}} WHERE {_ANSWERED} GROUP BY 1, 2, 3"
_ERRORS = f"SELECT coalesce(sum(rows), 0) FROM {{counts}} WHERE NOT ({_ANSWERED})"
_MODELS_OF_RUNS = "SELECT runs.id, models.id, name, sha256, metrics FROM runs JOIN models ON models.id = model_id"


def read_answer_counts(db: Database, model: ModelRow, period: Period, device: str | None = None) -> AnswerCounts:
    """Return the counts of the answers of `model` in a period, optionally of one device."""
    filters = replace(_filters(period, device), models=(model.sha256,))
    by_label: dict[Cluster, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_bin: dict[Cluster, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for hour, run, label, rows in _read_counts(db, _LABELS, filters):
        by_label[hour, run][label] += rows
    for hour, run, bin_, rows in _read_counts(db, _BINS, filters):
        by_bin[hour, run][bin_] += rows
    errors = sum(rows for (rows,) in _read_counts(db, _ERRORS, filters))
    return AnswerCounts(by_label, by_bin, errors)


def _filters(period: Period, device: str | None) -> Filters:
    return Filters(since=period.since, until=period.until, devices=() if device is None else (device,))


def _read_counts(db: Database, sql: str, filters: Filters) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query on counts. It is run once for each source of counts, so a group may occur twice."""
    selects, parameters = count_selects(db, filters)
    for select in selects:
        yield from db.execute(sql.format(counts=f"({select})"), parameters)
