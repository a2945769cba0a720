"""Addition of one database to another, inside a transaction."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from edgecls.database.clock.correction import correct_run
from edgecls.database.clock.segments import clock_runs
from edgecls.database.row_values import escape_surrogates
from edgecls.database.schema import NEXT_ID
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import BadDatabase, UsageError
from edgecls.progress import Progress
from edgecls.results.merge.merge_runs import Destination, MergeRun, RunIdentity, correction_of, runs_to_merge

BATCH = 10_000
"""The number of rows that are read and written at a time."""
MAX_CONFLICTS_LISTED = 5
"""The number of conflicts of an input that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class MergeInput:
    """A database to merge.

    Attributes:
        path: The file.
        device: The name of its device in the output; None for the name in the database itself.
    """

    path: Path
    device: str | None = None


@dataclass(slots=True)
class MergeResult:
    """The counts of what one input added.

    Attributes:
        path: The file.
        rows: The number of rows of the input: `added` + `known` + `conflicts`.
        known: Rows that the output already had.
        conflicts: Rows whose device, source and key belong to a different row of the output, which stays.
        runs, models: Added runs and models.
        reviews: Reviews that were added, or replaced an older one.
        review_clashes: Frames with different labels in two reviews, of which the newer one is kept.
        listed_conflicts: (source with device, key) of the first conflicts.
    """

    path: Path
    rows: int = 0
    added: int = 0
    known: int = 0
    conflicts: int = 0
    runs: int = 0
    models: int = 0
    reviews: int = 0
    review_clashes: int = 0
    listed_conflicts: list[tuple[str, str]] = field(default_factory=list)


class DatabaseMerger:
    """Adds the rows of `source`, a database opened for reading, to `db`, in which a transaction is open."""

    def __init__(self, db: Database, source: Database, merge_input: MergeInput) -> None:
        self._db, self._source, self._path = db, source, merge_input.path
        self._result = MergeResult(merge_input.path)
        self._device = None if merge_input.device is None else escape_surrogates(merge_input.device)
        self._destinations: dict[int, Destination] = {}

    def add(self, steps: Progress) -> MergeResult:
        """Add the models, runs, rows and reviews. Raises UsageError and BadDatabase."""
        with self._readable():
            runs = list(runs_to_merge(self._source))
        self._add_models()
        self._destinations = self._add_runs(runs)
        with self._readable():
            (rows,) = self._source.execute("SELECT count(*) FROM results").fetchone()
        with steps.step("merging", -(-rows // BATCH)) as advance:
            self._add_rows(advance)
        self._add_reviews(runs)
        return self._result

    def _read(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a query on the input, in batches; errors name the input."""
        with self._readable():
            cursor = self._source.conn.execute(sql)
            rows = cursor.fetchmany(BATCH)
        while rows:
            yield rows
            with self._readable():
                rows = cursor.fetchmany(BATCH)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            with translate_errors(self._path):
                yield
        except sqlite3.OperationalError as error:
            if "Could not decode" not in str(error):
                raise
            raise BadDatabase(
                f"{self._path} contains text that is not valid UTF-8: find it with the sqlite3 shell"
            ) from error

    def _add_models(self) -> None:
        for models in self._read("SELECT sha256, name, labels, metrics, first_seen FROM models ORDER BY id"):
            self._result.models += self._db.conn.executemany(_ADD_MODEL, models).rowcount

    def _add_runs(self, runs: list[MergeRun]) -> dict[int, Destination]:
        """Return run id in the input -> where its rows go."""
        known = {run.identity: run for run in runs_to_merge(self._db)}
        self._check_devices(runs, known)
        destinations = {}
        for run in runs:
            existing = known.get(run.identity)
            destinations[run.id] = self._add_run(run) if existing is None else self._continue_run(run, existing)
        return destinations

    def _check_devices(self, runs: list[MergeRun], known: dict[RunIdentity, MergeRun]) -> None:
        """Raise UsageError if one device would get two names, two devices one name, or --device would change nothing."""
        existing = {run.id: known[run.identity] for run in runs if run.identity in known}
        if self._device is not None:
            self._check_new_name(self._device, runs, existing)
            return
        for run in runs:
            previous = existing.get(run.id)
            if previous and previous.columns["merged"] and previous.device != run.device:
                raise UsageError(
                    f"{self._path} was merged as {previous.device} before: use --device {previous.device}={self._path} "
                    "again"
                )
        for device in {run.device for run in runs}:
            self._check_same_device(device, [run for run in runs if run.device == device], known)

    def _check_new_name(self, device: str, runs: list[MergeRun], existing: dict[int, MergeRun]) -> None:
        if any(run.columns["merged"] for run in runs):
            raise UsageError(f"{self._path} is itself a merged database: --device can rename one device only")
        names = {run.device for run in existing.values()}
        if runs and len(existing) == len(runs) and device not in names:
            raise UsageError(
                f"{self._path} was merged as {', '.join(sorted(names))} before, and its rows keep that name: omit --device"
                f" {device}={self._path}, or merge all databases into a new file"
            )

    def _check_same_device(self, device: str, runs: list[MergeRun], known: dict[RunIdentity, MergeRun]) -> None:
        """Raise UsageError where two devices of one name would become one.

        A copy of a database has runs in common with it, and one of the two has all later runs of the other. If both
        have later runs of their own, they come from two devices that started with copies of one memory card.
        """
        existing = [run for run in known.values() if run.device == device]
        common = [run for run in runs if run.identity in known]
        if not existing or (common and not _have_diverged(runs, common, existing)):
            return
        path = self._path
        problem = f"{path} is from a device named {device}, and so is another merged database"
        if common:
            problem += ", which started with the same runs and continued with different ones"
        if any(run.columns["merged"] for run in runs):
            raise UsageError(f"{problem}: merge the databases of the devices themselves, with --device NAME=FILE")
        raise UsageError(
            f"{problem}: use --device {device}-2={path} (or another name) if these are two devices, and --device"
            f" {device}={path} if {path} is a later database of the same one"
        )

    def _add_run(self, run: MergeRun) -> Destination:
        device = run.device if self._device is None else self._device
        columns = {**run.columns, "device": device, "source": f"{device}:{run.identity.source}", "merged": 1}
        run_id = self._db.execute(_ADD_RUN, {**columns, "sha256": run.identity.sha256}).lastrowid
        assert run_id is not None
        self._result.runs += 1
        return Destination(run_id, len(run.prefix), f"{device}:")

    def _continue_run(self, run: MergeRun, existing: MergeRun) -> Destination:
        """Update an existing run: it may have ended, and its clock may have been corrected."""
        time_shift = correction_of(existing.columns) - correction_of(run.columns)
        if time_shift and not existing.columns["applied_correction"]:
            self._correct_clock(existing.id, -time_shift.total_seconds())
            time_shift = timedelta()
        destination = Destination(existing.id, len(run.prefix), existing.prefix, time_shift or None)
        stopped_at = run.columns["stopped_at"]
        end = (stopped_at and destination.time(stopped_at), run.columns["stop_reason"], existing.id)
        self._db.execute(_END_RUN, end)
        return destination

    def _correct_clock(self, run_id: int, seconds: float) -> None:
        (run,) = (run for run in clock_runs(self._db) if run.id == run_id)
        correct_run(self._db, run, seconds)

    def _add_rows(self, advance: Callable[[], None]) -> None:
        for rows in self._read(_ROWS):
            translated = [self._translate(row) for row in rows]
            added = self._db.conn.executemany(_ADD_ROW, translated).rowcount
            conflicts = self._conflicts(translated) if added < len(rows) else []
            self._result.rows += len(rows)
            self._result.added += added
            self._result.conflicts += len(conflicts)
            self._result.known += len(rows) - added - len(conflicts)
            self._result.listed_conflicts += conflicts[: MAX_CONFLICTS_LISTED - len(self._result.listed_conflicts)]
            advance()

    def _translate(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row of the input with the run, source and times that it has in the output."""
        run_id, source, key, path, captured_at, classified_at, *rest = row
        to = self._destinations.get(run_id)
        if to is None:
            raise BadDatabase(f"{self._path} is damaged: some rows refer to run {run_id}, which does not exist")
        if to.time_shift is not None:
            captured_at, classified_at = to.time(captured_at), to.time(classified_at)
        return (to.run_id, to.source(source), key, path, captured_at, classified_at, *rest)

    def _conflicts(self, rows: list[tuple[Any, ...]]) -> list[tuple[str, str]]:
        """Return (source, key) of rows whose key belongs to a row of another run, or with other content."""
        self._db.conn.execute(_INCOMING)
        self._db.conn.executemany(f"INSERT INTO incoming VALUES ({', '.join('?' * 13)})", rows)  # noqa: S608
        conflicts = self._db.conn.execute(_CONFLICTS).fetchall()
        self._db.conn.execute("DELETE FROM incoming")
        return [(str(source), str(key)) for source, key in conflicts]

    def _add_reviews(self, runs: list[MergeRun]) -> None:
        """Add the reviews; one whose row was removed belongs to the last run of its source."""
        last_runs = {run.columns["source"]: run.id for run in runs}
        for reviews in self._read(_REVIEWS):
            for run_id, source, *review in reviews:
                to = self._destinations.get(run_id or last_runs.get(source) or max(last_runs.values(), default=0))
                self._add_review((to.source(source) if to else source, *review))

    def _add_review(self, values: tuple[Any, ...]) -> None:
        source, key, *_, label, _, _ = values
        existing = self._db.execute("SELECT label FROM reviews WHERE source = ? AND key = ?", (source, key)).fetchone()
        self._result.review_clashes += existing is not None and existing[0] != label
        self._result.reviews += self._db.execute(_ADD_REVIEW, values).rowcount


def _have_diverged(runs: list[MergeRun], common: list[MergeRun], existing: list[MergeRun]) -> bool:
    """Return whether `runs` and `existing` each have runs of their own after those that they have in `common`."""
    identities = {run.identity for run in runs}
    last = max(run.identity.started_at for run in common)
    is_behind = any(run.identity.started_at >= last and run.identity not in identities for run in existing)
    return is_behind and len(common) < len(runs)


_ADD_MODEL = """
    INSERT INTO models (sha256, name, labels, metrics, first_seen) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO NOTHING
"""
_ADD_RUN = """
    INSERT INTO runs (model_id, device, source, version, config, started_at, stopped_at, stop_reason, boot_id,
                      boot_offset, applied_correction, merged)
    SELECT id, :device, :source, :version, :config, :started_at, :stopped_at, :stop_reason, :boot_id,
           :boot_offset, :applied_correction, :merged
    FROM models WHERE sha256 = :sha256
"""
_END_RUN = """
    UPDATE runs SET stopped_at = ?, stop_reason = ?
    WHERE id = ? AND stopped_at IS NULL AND stop_reason IS NULL
"""
_ROWS = """
    SELECT run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms, infer_ms, error,
           votes
    FROM results ORDER BY id
"""
# Without saved_bytes: saved frames are on their device and do not count towards a storage limit here.
_ADD_ROW = f"""
    INSERT INTO results (id, run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms,
                         infer_ms, error, votes)
    VALUES ({NEXT_ID}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO NOTHING
"""  # noqa: S608  # a constant
_INCOMING = """
    CREATE TEMP TABLE IF NOT EXISTS incoming (
        run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms, infer_ms, error, votes
    )
"""
# Paths and times are not compared: retention may have cleared a path, and a correction may have changed times.
_CONFLICTS = """
    SELECT source, key FROM incoming JOIN results AS existing USING (source, key)
    WHERE (existing.run_id, existing.label, existing.score, existing.error, existing.top_k)
          IS NOT (incoming.run_id, incoming.label, incoming.score, incoming.error, incoming.top_k)
    ORDER BY incoming.rowid
"""
_REVIEWS = """
    SELECT run_id, reviews.source, reviews.key, reviews.path, sha256, predicted, reviews.score, reviews.label,
           reviewed_at, reason
    FROM reviews JOIN models ON models.id = reviews.model_id
    LEFT JOIN results ON (results.source, results.key) = (reviews.source, reviews.key)
    ORDER BY reviews.id
"""
_ADD_REVIEW = """
    INSERT INTO reviews (source, key, path, model_id, predicted, score, label, reviewed_at, reason)
    VALUES (?, ?, ?, (SELECT id FROM models WHERE sha256 = ?), ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO UPDATE SET
        path = excluded.path, model_id = excluded.model_id, predicted = excluded.predicted, score = excluded.score,
        label = excluded.label, reviewed_at = excluded.reviewed_at, reason = coalesce(reviews.reason, excluded.reason)
    WHERE excluded.reviewed_at > reviews.reviewed_at
"""
