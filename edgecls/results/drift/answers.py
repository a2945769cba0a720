"""How often a model gave each label, and each tenth of the score, hour by hour: from the hourly_counts, so without a scan."""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

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
"""(an hour of UTC, a run in it)"""


@dataclass(frozen=True, slots=True)
class Period:
    """`since` <= classified_at < `until`; None sets no limit. Aware."""

    since: datetime | None = None
    until: datetime | None = None

    def overlaps(self, other: "Period") -> bool:
        """Whether a row can be in both."""
        one, two = _rows_of(self, None), _rows_of(other, None)
        return one.from_time < two.to_time and two.from_time < one.to_time

    def as_object(self) -> dict[str, str | None]:
        """For JSON: in UTC."""
        ends = {"since": self.since, "until": self.until}
        return {name: None if end is None else format_timestamp(end) for name, end in ends.items()}


@dataclass(frozen=True, slots=True)
class Model:
    """A row of `models`."""

    id: int
    name: str
    sha256: str
    metrics: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Frames by label, and by tenth of the score (0 to 9), in each hour of each run; `errors`: frames without an answer."""

    by_label: Mapping[Cluster, Mapping[str, int]]
    by_bin: Mapping[Cluster, Mapping[int, int]]
    errors: int

    @property
    def labels(self) -> set[str]:
        """Those that occur."""
        return {label for counts in self.by_label.values() for label in counts}

    @property
    def answered(self) -> int:
        """Frames with a label."""
        return sum(sum(counts.values()) for counts in self.by_label.values())

    @property
    def hours(self) -> int:
        """In which there is an answer."""
        return len({hour for hour, _ in self.by_label})

    def table(self, what: str, names: tuple[str, ...]) -> NDArray[np.int64]:
        """`labels`, which are `names`, or `scores`: int64 (hours of runs, categories)."""
        if what == "labels":
            rows = [[counts.get(name, 0) for name in names] for counts in self.by_label.values()]
        else:
            rows = [[counts.get(place, 0) for place in range(len(names))] for counts in self.by_bin.values()]
        return np.array(rows, np.int64)


def find_model(db: Database, period: Period, name: str | None, device: str | None) -> Model:
    """The model of that name, or whose SHA-256 begins so; of several, the one that answered last in the period.

    Raises UsageError, and says which models there are.
    """
    last: dict[int, str] = {}
    for run, hour in _asked(db, _LAST, _rows_of(period, device)):
        last[run] = max(hour, last.get(run, ""))
    models = {run: Model(*rest) for run, *rest in db.execute(_MODELS_OF_RUNS)}
    newest = sorted(last, key=lambda run: (last[run], run), reverse=True)
    for run in newest:
        model = models[run]
        if name is None or matches_model(name, model.name, model.sha256):
            return model
    there = ", ".join(sorted({models[run].name for run in newest}))
    if there:
        raise UsageError(f"no rows of a model {name} in the period: there are rows of {there}")
    raise UsageError(f"no rows in the period{'' if device is None else f' of the device {device}'}: widen it")


_LAST = "SELECT run_id, max(hour) FROM {piece} GROUP BY run_id"
_ANSWERED = "label <> '' AND bin >= 0"
# One after the other: both at once are ten times as many groups.
_LABELS = f"SELECT hour, run_id, label, sum(rows) FROM {{piece}} WHERE {_ANSWERED} GROUP BY 1, 2, 3"
_BINS = f"SELECT hour, run_id, bin, sum(rows) FROM {{piece}} WHERE {_ANSWERED} GROUP BY 1, 2, 3"
_ERRORS = f"SELECT coalesce(sum(rows), 0) FROM {{piece}} WHERE NOT ({_ANSWERED})"
_MODELS_OF_RUNS = "SELECT runs.id, models.id, name, sha256, metrics FROM runs JOIN models ON models.id = model_id"


def answers(db: Database, model: Model, period: Period, device: str | None = None) -> Answers:
    """What `model` answered in a period."""
    which = replace(_rows_of(period, device), models=(model.sha256,))
    by_label: dict[Cluster, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    by_bin: dict[Cluster, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for hour, run, label, rows in _asked(db, _LABELS, which):
        by_label[hour, run][label] += rows
    for hour, run, place, rows in _asked(db, _BINS, which):
        by_bin[hour, run][place] += rows
    errors = sum(rows for (rows,) in _asked(db, _ERRORS, which))
    return Answers(by_label, by_bin, errors)


def _rows_of(period: Period, device: str | None) -> Filters:
    return Filters(since=period.since, until=period.until, devices=() if device is None else (device,))


def _asked(db: Database, question: str, which: Filters) -> Iterator[tuple[Any, ...]]:
    parts, values = count_selects(db, which)
    for part in parts:
        yield from db.execute(question.format(piece=f"({part})"), values)
