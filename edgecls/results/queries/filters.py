"""The filters on rows of results, and the SQL conditions that they stand for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from edgecls.database.row_values import escape_surrogates
from edgecls.database.timestamps import format_timestamp
from edgecls.records import UNKNOWN

Parameters = dict[str, Any]
"""Values of the named parameters of an SQL statement."""


@dataclass(frozen=True)
class Filters:
    """Conditions on rows; a row must meet all that are set.

    Attributes:
        labels: Any of these labels.
        since, until: `since` <= classified_at < `until`; local time where it has no offset.
        min_score, max_score: The lowest and highest score, 0 to 1.
        errors: Only frames that could not be classified.
        unknown: Only frames labelled UNKNOWN.
        decided: Only frames with a label other than UNKNOWN.
        unreviewed: Only frames that nobody has reviewed.
        devices, runs, models: Any of these; a run by its id, a model by its name or the beginning of its SHA-256.
        search: Words that must all occur in path, label or error; `cat*` matches the beginning of a word.
        threshold: Scores below this one, 0 to 1, count as UNKNOWN, whatever thresholds the model had. `labels` and
            `unknown` apply to the resulting label.
        limit: The highest number of rows.
    """

    labels: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    max_score: float | None = None
    errors: bool = False
    unknown: bool = False
    decided: bool = False
    unreviewed: bool = False
    devices: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    search: str | None = None
    threshold: float | None = None
    limit: int | None = None

    @property
    def wanted_labels(self) -> tuple[str, ...]:
        """The labels as the database stores them; empty for all."""
        return (*map(escape_surrogates, self.labels), *((UNKNOWN,) if self.unknown and not self.labels else ()))

    @property
    def from_time(self) -> str:
        """The lowest `classified_at`, as the database stores it."""
        return "" if self.since is None else format_timestamp(self.since)

    @property
    def to_time(self) -> str:
        """The time before which `classified_at` must be, as the database stores it."""
        return END_OF_TIME if self.until is None else format_timestamp(self.until)

    @property
    def are_indexed(self) -> bool:
        """True if an index leads to the matching rows: to one label, to errors, or to an interval."""
        has_scores = self.min_score is not None or self.max_score is not None
        return not (self.runs or self.devices or self.models or has_scores or len(self.labels) > 1 or self.search)


NO_FILTERS = Filters()

END_OF_TIME = "~"
"""Compares as later than any time."""

EFFECTIVE_LABEL = """
    CASE WHEN :threshold IS NULL OR label IS NULL OR score IS NULL THEN label
         WHEN score < :threshold THEN 'unknown'
         ELSE coalesce(json_extract(top_k, '$[0].label'), label) END
"""
"""SQL: the label of a row after `threshold` is applied."""

_UNREVIEWED = "NOT EXISTS (SELECT 1 FROM reviews WHERE (reviews.source, reviews.key) = (results.source, results.key))"


def where(db: Database, filters: Filters) -> tuple[str, Parameters]:
    """Return the conditions of a WHERE clause on `results` and their parameters; without interval, search and limit."""
    parameters: Parameters = {"threshold": filters.threshold}
    conditions = ["1"]
    labels = filters.wanted_labels
    if labels:
        label = "label" if filters.threshold is None else EFFECTIVE_LABEL
        # With several labels the index on labels would have to be sorted by time; the plus sign rules it out.
        plus = "+" if len(labels) > 1 else ""
        conditions.append(f"{plus}{label} IN ({', '.join(f':label{n}' for n in range(len(labels)))})")
        parameters |= {f"label{n}": label for n, label in enumerate(labels)}
    if filters.unknown and filters.labels:
        conditions.append(f"{EFFECTIVE_LABEL} = '{UNKNOWN}'")
    if filters.decided:
        conditions.append(f"+label <> '{UNKNOWN}'")
    if filters.min_score is not None:
        conditions.append("score >= :min_score")
        parameters["min_score"] = filters.min_score
    if filters.max_score is not None:
        conditions.append("score <= :max_score")
        parameters["max_score"] = filters.max_score
    if filters.errors:
        conditions.append("error IS NOT NULL")
    if filters.unreviewed:
        conditions.append(_UNREVIEWED)
    run_conditions, runs = where_run(db, filters)
    return " AND ".join([*conditions, *run_conditions]), parameters | runs


def where_run(db: Database, filters: Filters) -> tuple[list[str], Parameters]:
    """Return the condition on `run_id` for the runs, devices and models of `filters`; none where they name none."""
    runs = run_ids(db, filters)
    if runs is None:
        return [], {}
    return ["run_id IN (SELECT value FROM json_each(:runs))"], {"runs": json.dumps(runs)}


def run_ids(db: Database, filters: Filters) -> Sequence[int] | None:
    """Return the ids of the runs that `filters` select by run, device or model; None for all runs."""
    if not (filters.runs or filters.devices or filters.models):
        return None
    devices = {escape_surrogates(device) for device in filters.devices}
    return [
        run
        for run, device, name, sha256 in db.execute(_RUNS)
        if (not filters.runs or run in filters.runs)
        and (not devices or device in devices)
        and (not filters.models or any(matches_model(wanted, name, sha256) for wanted in filters.models))
    ]


def matches_model(wanted: str, name: str, sha256: str) -> bool:
    """Return whether `wanted` is the name of a model, or the first four or more digits of its SHA-256."""
    return escape_surrogates(wanted) == name or (len(wanted) >= 4 and sha256.startswith(wanted.lower()))


_RUNS = "SELECT runs.id, device, name, sha256 FROM runs JOIN models ON models.id = model_id"
