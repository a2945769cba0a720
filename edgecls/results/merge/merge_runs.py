"""The runs of a database on their way into another: which of them are there already, and where their rows go."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlite_utils import Database

from edgecls.database.timestamps import format_timestamp, parse_timestamp


class Identity(NamedTuple):
    """What makes a run the same in every copy of its database, corrected or not, merged or not.

    `started_at` is as it was written, `source` that of the device itself; `nth` counts runs of which all else is equal.
    The device is no part of it: a copy may have been given another name.
    """

    sha256: str
    boot_id: str | None
    started_at: str
    source: str
    version: str
    config: str
    nth: int


@dataclass(frozen=True, slots=True)
class MergeRun:
    """A run of one of the databases: `columns` are those of the table `runs`, but for the two ids."""

    id: int
    identity: Identity
    columns: Mapping[str, Any]

    @property
    def device(self) -> str:
        """Its name in that database."""
        return str(self.columns["device"])

    @property
    def prefix(self) -> str:
        """What stands before the device's own source in that database: DEVICE: where the run was merged into it."""
        return f"{self.device}:" if self.columns["merged"] else ""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the rows of a run go: to which run, what is cut from their source, and what is put before it instead.

    `later`: what their times are moved by, where those of that run have been corrected in another way; mostly None.
    """

    run_id: int
    cut: int
    prefix: str
    later: timedelta | None = None

    def source(self, source: str) -> str:
        """The source of such a row there."""
        return self.prefix + source[self.cut :]

    def time(self, time: str) -> str:
        """The time of such a row there."""
        return time if self.later is None else shifted(time, self.later)


def runs_to_merge(db: Database) -> Iterator[MergeRun]:
    """The runs of a database, whichever edgecls has written it, in order of writing."""
    present = db.table("runs").columns_dict
    columns = [name if name in present else default for name, default in _COLUMNS.items()]
    sql = f"SELECT runs.id, sha256, {', '.join(columns)} FROM runs JOIN models ON models.id = model_id ORDER BY runs.id"  # noqa: S608
    seen: Counter[tuple[Any, ...]] = Counter()
    for number, sha256, *values in db.execute(sql):
        run = dict(zip(_COLUMNS, values, strict=True))
        source = run["source"][len(run["device"]) + 1 :] if run["merged"] else run["source"]
        written = shifted(run["started_at"], -shift(run))
        same = (sha256, run["boot_id"], written, source, run["version"], run["config"])
        yield MergeRun(number, Identity(*same, seen[same]), run)
        seen[same] += 1


_COLUMNS = {
    "device": "", "source": "", "version": "", "config": "", "started_at": "", "stopped_at": "", "stop_reason": "",
    "boot_id": "NULL", "boot_offset": "NULL", "applied_correction": "0.0", "merged": "0",
}  # fmt: skip
"""Of the table `runs` -> what is so in a database that an older edgecls has written."""


def shift(columns: Mapping[str, Any]) -> timedelta:
    """What the times of a run were corrected by."""
    return timedelta(milliseconds=round(columns["applied_correction"] * 1000))


def shifted(time: str, by: timedelta) -> str:
    """A time of the database, moved."""
    return format_timestamp(parse_timestamp(time) + by)
