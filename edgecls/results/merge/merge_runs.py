"""The runs of the databases of a merge: how they are recognised, and where their rows go."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlite_utils import Database

from edgecls.database.timestamps import format_timestamp, parse_timestamp


class RunIdentity(NamedTuple):
    """The columns by which a run is recognised in every copy of its database, corrected or merged.

    The device is not among them: a copy may have got another name.

    Attributes:
        started_at: As it was first written, before corrections.
        source: The source on the device, without the prefix of a merged database.
        occurrence: 0, or higher for further runs that are equal in everything else.
    """

    sha256: str
    boot_id: str | None
    started_at: str
    source: str
    version: str
    config: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class MergeRun:
    """A run of one of the databases; `columns` are those of the table `runs` except the ids of run and model."""

    id: int
    identity: RunIdentity
    columns: Mapping[str, Any]

    @property
    def device(self) -> str:
        """The name of the device in that database."""
        return str(self.columns["device"])

    @property
    def prefix(self) -> str:
        """The prefix of its sources in that database: `DEVICE:` in a merged one, otherwise empty."""
        return f"{self.device}:" if self.columns["merged"] else ""


@dataclass(frozen=True, slots=True)
class Destination:
    """The run in the output to which the rows of a run are added.

    Attributes:
        run_id: The run in the output.
        prefix_length: The length of the prefix of their sources in the input.
        prefix: The prefix in the output.
        time_shift: Added to their times if the run in the output has another clock correction.
    """

    run_id: int
    prefix_length: int
    prefix: str
    time_shift: timedelta | None = None

    def source(self, source: str) -> str:
        """Return the source in the output for a source in the input."""
        return self.prefix + source[self.prefix_length :]

    def time(self, time: str) -> str:
        """Return the time in the output for a time in the input."""
        return time if self.time_shift is None else shift_time(time, self.time_shift)


def runs_to_merge(db: Database) -> Iterator[MergeRun]:
    """Yield the runs of a database in the order in which they were written."""
    sql = (
        f"SELECT runs.id, sha256, {', '.join(_COLUMNS)} FROM runs JOIN models ON models.id = model_id ORDER BY runs.id"  # noqa: S608
    )
    occurrences: Counter[tuple[Any, ...]] = Counter()
    for run_id, sha256, *values in db.execute(sql):
        columns = dict(zip(_COLUMNS, values, strict=True))
        source = columns["source"][len(columns["device"]) + 1 :] if columns["merged"] else columns["source"]
        first_started_at = shift_time(columns["started_at"], -correction_of(columns))
        key = (sha256, columns["boot_id"], first_started_at, source, columns["version"], columns["config"])
        yield MergeRun(run_id, RunIdentity(*key, occurrences[key]), columns)
        occurrences[key] += 1


_COLUMNS = (
    "device", "source", "version", "config", "started_at", "stopped_at", "stop_reason", "boot_id", "boot_offset",
    "applied_correction", "merged",
)  # fmt: skip


def correction_of(columns: Mapping[str, Any]) -> timedelta:
    """Return the clock correction that was applied to the times of a run."""
    return timedelta(milliseconds=round(columns["applied_correction"] * 1000))


def shift_time(time: str, by: timedelta) -> str:
    """Return a time of the database, shifted."""
    return format_timestamp(parse_timestamp(time) + by)
