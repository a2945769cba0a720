"""Which rows are asked for, and how that is said to SQLite."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from edgecls.database.row_values import escape_surrogates
from edgecls.database.timestamps import format_timestamp
from edgecls.records import UNKNOWN


@dataclass(frozen=True)
class Filters:
    """Which rows: all that meet every condition given.

    `labels`: one of these; `since` <= classified_at < `until` (without an offset: local time); `min_score`: at least
    this, 0 to 1; `errors`: only frames that could not be classified; `limit`: at most so many. `unknown`: only frames
    whose label is UNKNOWN; `devices`, `runs`, `models`: of one of these (a run by its id, a model by its name or
    the beginning of its SHA-256); `search`: all of these words, in path, label or error, `cat*` for a beginning.

    `threshold`, 0 to 1, decides anew what is UNKNOWN: every score under it, whatever the model's thresholds were.
    `labels` and `unknown` then go by the new decision.
    """

    labels: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    errors: bool = False
    limit: int | None = None
    unknown: bool = False
    devices: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    search: str | None = None
    threshold: float | None = None

    @property
    def wanted_labels(self) -> tuple[str, ...]:
        """As the database stores them; empty: all."""
        return (*map(escape_surrogates, self.labels), *((UNKNOWN,) if self.unknown and not self.labels else ()))

    @property
    def from_time(self) -> str:
        """Rows have a `classified_at` of at least this text."""
        return "" if self.since is None else format_timestamp(self.since)

    @property
    def to_time(self) -> str:
        """Rows have a `classified_at` under this text."""
        return AFTER_ALL if self.until is None else format_timestamp(self.until)


NO_FILTERS = Filters()

AFTER_ALL = "~"
"""Later than any time, as texts compare."""

Values = dict[str, Any]
"""Of the parameters of a statement, by name."""

DECIDED = """
    CASE WHEN :threshold IS NULL OR label IS NULL OR score IS NULL THEN label
         WHEN score < :threshold THEN 'unknown'
         ELSE coalesce(json_extract(top_k, '$[0].label'), label) END
"""
"""The label of a row, decided anew if there is a threshold."""


def conditions(db: Database, which: Filters) -> tuple[str, Values]:
    """What `which` demands of a row of `results`, its time, words and limit aside, for after a WHERE."""
    values: Values = {"threshold": which.threshold}
    demands = ["1"]
    labels = which.wanted_labels
    if labels:
        decided = "label" if which.threshold is None else DECIDED
        # Of several labels the index would have to be sorted by time: the plus keeps it out.
        plus = "+" if len(labels) > 1 else ""
        demands.append(f"{plus}{decided} IN ({', '.join(f':label{n}' for n in range(len(labels)))})")
        values |= {f"label{n}": label for n, label in enumerate(labels)}
    if which.unknown and which.labels:
        demands.append(f"{DECIDED} = 'unknown'")
    if which.min_score is not None:
        demands.append("score >= :min_score")
        values["min_score"] = which.min_score
    if which.errors:
        demands.append("error IS NOT NULL")
    of_runs, runs = runs_demanded(db, which)
    return " AND ".join([*demands, *of_runs]), values | runs


def runs_demanded(db: Database, which: Filters) -> tuple[list[str], Values]:
    """The demand that a row, or a tally, be of a run that `which` names; none if it names none."""
    runs = run_ids(db, which)
    if runs is None:
        return [], {}
    return ["run_id IN (SELECT value FROM json_each(:runs))"], {"runs": json.dumps(runs)}


def run_ids(db: Database, which: Filters) -> Sequence[int] | None:
    """The runs that `which` names by run, device or model; None if it names none, and means all."""
    if not (which.runs or which.devices or which.models):
        return None
    devices = {escape_surrogates(device) for device in which.devices}
    return [
        run
        for run, device, name, sha256 in db.execute(_RUNS)
        if (not which.runs or run in which.runs)
        and (not devices or device in devices)
        and (not which.models or any(matches_model(each, name, sha256) for each in which.models))
    ]


def matches_model(wanted: str, name: str, sha256: str) -> bool:
    """Whether a model is meant by `wanted`: its name, or the beginning of its SHA-256, four digits at least."""
    return escape_surrogates(wanted) == name or (len(wanted) >= 4 and sha256.startswith(wanted.lower()))


_RUNS = "SELECT runs.id, device, name, sha256 FROM runs JOIN models ON models.id = model_id"
