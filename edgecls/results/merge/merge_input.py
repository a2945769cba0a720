"""One database, added to another inside its transaction."""

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
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import BadDatabase, UsageError
from edgecls.progress import Progress
from edgecls.results.merge.merge_runs import Destination, MergeRun, runs_to_merge, shift

BATCH = 10_000
"""Rows read and written at a time."""
NAMED = 5
"""Conflicts of an input that are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Input:
    """A database to be merged; `device`: the name of its device in the merged one, by default what it says itself."""

    path: Path
    device: str | None = None


@dataclass(slots=True)
class Merged:
    """What became of an input.

    `rows` = `added` + `known` (there already) + `conflicts`: rows of which another one is there, with the same device,
    source and key; that one stays, and the first few are `named`: (source with device, key). `reviews` that were added
    or newer than those there; `review_clashes`: frames that two reviews give different labels; the newer one counts.
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
    named: list[tuple[str, str]] = field(default_factory=list)


class MergeInput:
    """Adds to `db`, in which a transaction is open, what it lacks of `source`, which was opened for reading."""

    def __init__(self, db: Database, source: Database, given: Input) -> None:
        self._db, self._source, self._given = db, source, given
        self._merged = Merged(given.path)
        self._name = None if given.device is None else escape_surrogates(given.device)

    def add(self, steps: Progress) -> Merged:
        """Models, runs, rows and reviews. Raises UsageError and BadDatabase."""
        with self._readable():
            runs = list(runs_to_merge(self._source))
        self._add_models()
        self._destinations = self._add_runs(runs)
        with self._readable():
            (rows,) = self._source.execute("SELECT count(*) FROM results").fetchone()
        with steps.step("merging", -(-rows // BATCH)) as advance:
            self._add_rows(advance)
        self._add_reviews(runs)
        return self._merged

    def _read(self, sql: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query to the input, in batches; its errors are the input's."""
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
            with translate_errors(self._given.path):
                yield
        except sqlite3.OperationalError as error:
            if "Could not decode" not in str(error):
                raise
            raise BadDatabase(
                f"{self._given.path} has a text that is not UTF-8: find it with the sqlite3 shell"
            ) from error

    def _add_models(self) -> None:
        for models in self._read("SELECT sha256, name, labels, metrics, first_seen FROM models ORDER BY id"):
            self._merged.models += self._db.conn.executemany(_ADD_MODEL, models).rowcount

    def _add_runs(self, runs: list[MergeRun]) -> dict[int, Destination]:
        """Run of the input -> where its rows go."""
        known = {run.identity: run for run in runs_to_merge(self._db)}
        self._check_names(runs, known)
        destinations = {}
        for run in runs:
            there = known.get(run.identity)
            destinations[run.id] = self._add_run(run) if there is None else self._go_on(run, there)
        return destinations

    def _check_names(self, runs: list[MergeRun], known: dict[Any, MergeRun]) -> None:
        """Refuse what would give a device two names, or two devices one; and a --device that would change nothing."""
        there = {run.id: known[run.identity] for run in runs if run.identity in known}
        if self._name is not None:
            self._check_name_given(runs, there)
            return
        for run in runs:
            before = there.get(run.id)
            if before and before.columns["merged"] and before.device != run.device:
                name = self._given.path
                raise UsageError(
                    f"{name} was merged as {before.device} before: say --device {before.device}={name} again"
                )
        for device in {run.device for run in runs}:
            self._check_is_same_device(device, [run for run in runs if run.device == device], known)

    def _check_name_given(self, runs: list[MergeRun], there: dict[int, MergeRun]) -> None:
        path, name = self._given.path, self._name
        if any(run.columns["merged"] for run in runs):
            raise UsageError(f"{path} was merged from several: --device can name one device only")
        names = {run.device for run in there.values()}
        if runs and len(there) == len(runs) and name not in names:
            raise UsageError(
                f"{path} was merged as {', '.join(sorted(names))} before, and its rows keep that name: leave --device"
                f" {name}={path} out, or merge all databases into a new file"
            )

    def _check_is_same_device(self, device: str, runs: list[MergeRun], known: dict[Any, MergeRun]) -> None:
        """Raise UsageError where two devices of one name would become one.

        A copy of a database has its runs in common, and one of the two has all of the other's later runs: if both went
        on, they are of two devices that began with the same memory card.
        """
        there = [run for run in known.values() if run.device == device]
        common = [run for run in runs if run.identity in known]
        if not there or (common and not _have_parted(runs, common, there)):
            return
        path = self._given.path
        what = f"{path} is of a device called {device}, and so is another database that is merged"
        if common:
            what += ", which began with the same runs and went on with others"
        if any(run.columns["merged"] for run in runs):
            raise UsageError(f"{what}: merge the databases of its devices themselves, with --device NAME=FILE")
        raise UsageError(
            f"{what}: say --device {device}-2={path} (or another name) if these are two devices, and --device"
            f" {device}={path} if {path} is a later database of the same one"
        )

    def _add_run(self, run: MergeRun) -> Destination:
        device = run.device if self._name is None else self._name
        columns = {**run.columns, "device": device, "source": f"{device}:{run.identity.source}", "merged": 1}
        run_id = self._db.execute(_ADD_RUN, {**columns, "sha256": run.identity.sha256}).lastrowid
        assert run_id is not None
        self._merged.runs += 1
        return Destination(run_id, len(run.prefix), f"{device}:")

    def _go_on(self, run: MergeRun, there: MergeRun) -> Destination:
        """A run that is there: with an end, perhaps, that it had not yet, and times that were corrected since."""
        later = shift(there.columns) - shift(run.columns)
        if later and not there.columns["applied_correction"]:
            self._move(there.id, -later.total_seconds())
            later = timedelta()
        to = Destination(there.id, len(run.prefix), there.prefix, later or None)
        ended = run.columns["stopped_at"]
        self._db.execute(_END_RUN, (ended and to.time(ended), run.columns["stop_reason"], there.id))
        return to

    def _move(self, run_id: int, seconds: float) -> None:
        (run,) = (run for run in clock_runs(self._db) if run.id == run_id)
        correct_run(self._db, run, seconds)

    def _add_rows(self, advance: Callable[[], None]) -> None:
        votes = "votes" if "votes" in self._source.table("results").columns_dict else "NULL"
        for rows in self._read(_ROWS.format(votes=votes)):
            moved = [self._moved(row) for row in rows]
            # What could be added, is. Of a batch in which all was new, no more is asked.
            added = self._db.conn.executemany(_ADD_ROW, moved).rowcount
            conflicts = self._conflicts(moved) if added < len(rows) else []
            self._merged.rows += len(rows)
            self._merged.added += added
            self._merged.conflicts += len(conflicts)
            self._merged.known += len(rows) - added - len(conflicts)
            self._merged.named += conflicts[: NAMED - len(self._merged.named)]
            advance()

    def _moved(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        run_id, source, key, path, captured_at, classified_at, *rest = row
        to = self._destinations.get(run_id)
        if to is None:
            raise BadDatabase(f"{self._given.path} is damaged: run {run_id} of some rows is missing")
        if to.later is not None:
            captured_at, classified_at = to.time(captured_at), to.time(classified_at)
        return (to.run_id, to.source(source), key, path, captured_at, classified_at, *rest)

    def _conflicts(self, rows: list[tuple[Any, ...]]) -> list[tuple[str, str]]:
        """(source, key) of rows that are there, but not as they came: from another run, or with other content."""
        self._db.conn.execute(_INCOMING)
        self._db.conn.executemany(f"INSERT INTO incoming VALUES ({', '.join('?' * 13)})", rows)  # noqa: S608
        found = self._db.conn.execute(_CONFLICTS).fetchall()
        self._db.conn.execute("DELETE FROM incoming")
        return [(str(source), str(key)) for source, key in found]

    def _add_reviews(self, runs: list[MergeRun]) -> None:
        """A review's run is that of its row; where that is gone, the last one of its source."""
        if "reviews" not in self._source.table_names():
            return
        last = {run.columns["source"]: run.id for run in runs}
        for reviews in self._read(_REVIEWS):
            for run_id, source, *review in reviews:
                to = self._destinations.get(run_id or last.get(source) or max(last.values(), default=0))
                self._add_review((to.source(source) if to else source, *review))

    def _add_review(self, values: tuple[Any, ...]) -> None:
        source, key, *_, label, _, _ = values
        there = self._db.execute("SELECT label FROM reviews WHERE source = ? AND key = ?", (source, key)).fetchone()
        self._merged.review_clashes += there is not None and there[0] != label
        self._merged.reviews += self._db.execute(_ADD_REVIEW, values).rowcount


def _have_parted(runs: list[MergeRun], common: list[MergeRun], there: list[MergeRun]) -> bool:
    """Return whether `runs` and those `there` each went on without the other after the runs that they have in `common`."""
    identities = {run.identity for run in runs}
    last = max(run.identity.started_at for run in common)
    is_behind = any(run.identity.started_at >= last and run.identity not in identities for run in there)
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
           {votes}
    FROM results ORDER BY id
"""
# Not saved_bytes: a frame that was saved is saved on its device, and no budget of this machine's counts it.
_ADD_ROW = """
    INSERT INTO results (run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms,
                         infer_ms, error, votes)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO NOTHING
"""
_INCOMING = """
    CREATE TEMP TABLE IF NOT EXISTS incoming (
        run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms, infer_ms, error, votes
    )
"""
# A path may be gone since, with its saved frame; times may have been corrected.
_CONFLICTS = """
    SELECT source, key FROM incoming JOIN results AS there USING (source, key)
    WHERE (there.run_id, there.label, there.score, there.error, there.top_k)
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
