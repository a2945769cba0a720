"""The one writer of a results database."""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, final

from edgecls.database import health
from edgecls.database.clock.system_clock import SYSTEM_CLOCK, SystemClock, is_step
from edgecls.database.connection import BUSY_TIMEOUT_S
from edgecls.database.file_identity import FileIdentity
from edgecls.database.generations import count_generation
from edgecls.database.opening import open_for_writing
from edgecls.database.row_values import INSERT_RESULT, escape_surrogates, result_values, to_json
from edgecls.database.salvage import salvage_rows
from edgecls.database.search_index import index_batch, repair_search_index
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import BadDatabase, EdgeclsError, FileReplaced, Unavailable
from edgecls.records import Classification

if TYPE_CHECKING:
    from sqlite_utils import Database

log = logging.getLogger(__name__)

CLOCK_WAS_SET = "the clock was set"
"""`stop_reason` of a run that the next one goes on from, by another clock."""

PATIENT_BUSY_TIMEOUT_S = 1.0
"""Of a store opened durably: its user tries again, and between two attempts sees a signal to stop."""
_WORDS_AT_CLOSE = 5000
"""Rows whose words are indexed then, at most: a tenth of a second."""


@final
class Store:
    """Writes classifications to the database at `path`, creating it if need be; a context manager.

    For one thread: the one that made it. Lone surrogates in texts are stored as `schema.storable` says.

    Raises (from every method):
        InputNotFound: the folder that should hold the file does not exist.
        Unavailable: the disk is full, or another process holds the file; what was asked may be asked again.
        IoFailed: access is refused.
        BadDatabase: the file is damaged, of a newer edgecls, or something else altogether. It is left as it was.
        FileReplaced: the file was removed, renamed or overwritten since it was opened. What was asked is to be asked
            again of another store: this one can only be closed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        busy_timeout: float | None = None,
        clock: SystemClock = SYSTEM_CLOCK,
        progress: Callable[[], None] | None = None,
        file: Path | None = None,
    ) -> None:
        """Open the file; see `open_durably` for a service.

        `busy_timeout`: seconds to wait for another process, by default ten. `progress` is called now and then while
        closing takes long. `file`: where `path` leads to, if that is a link to what may not be there yet.
        """
        self.path = Path(path)
        self._progress = progress
        self._busy_timeout = BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout
        self._clock = clock
        self._lead: float | None = None
        self._run_id: int | None = None
        self._damaged = False
        self._has_news = False
        self.database: Database = open_for_writing(file or self.path, busy_timeout=busy_timeout)
        """For the other modules of this wing, inside `in_use`."""
        self._is_open = True
        try:
            with translate_errors(self.path):
                self._place = FileIdentity(self.path, self.database)
            self._place.check()
        except BaseException:
            self.database.close()
            raise

    @classmethod
    def open_durably(
        cls, path: str | Path, *, stop: threading.Event | None = None, progress: Callable[[], None] | None = None
    ) -> "Store":
        """Open as a service does, which nobody watches: after an unclean stop the file is checked first.

        A damaged one is set aside under another name and a new one begun, with a warning that says so: see
        `health.set_aside`. `progress` is called several times a second while the check runs; `stop`, once set, ends
        it, and the next start checks again. Methods wait a second for another process, not ten, and raise Unavailable.

        The caller sees to it that no other service writes to this file.
        """
        real = Path(os.path.realpath(path))  # SQLite's log lies beside the file, not beside a link to it
        patience = PATIENT_BUSY_TIMEOUT_S
        sound = health.repair_database(real, stop or threading.Event(), progress or _nothing, busy_timeout=patience)
        try:
            store = cls(path, busy_timeout=patience, progress=progress, file=real)
            try:
                if sound:
                    with store.in_use():
                        health.repair_derived_tables(store.database, progress or _nothing)
                        health.close_killed_runs(store.database)
            except BaseException:
                store.close()
                raise
        except FileReplaced as error:  # nothing was written yet: what is there now is as good
            raise Unavailable(str(error)) from error
        return store

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin_run(
        self,
        *,
        sha256: str,
        model_name: str,
        labels: Sequence[str],
        metrics: Mapping[str, Any],
        device: str,
        source: str,
        version: str,
        config: Mapping[str, Any],
    ) -> int:
        """Register the model (once a `sha256`) and a run of it; returns the run's id. Ends a run still open."""
        self.end_run("another run began")
        now, lead = format_timestamp(self._clock.now()), self._clock.boot_offset()
        model = (sha256, escape_surrogates(model_name), to_json(list(labels)), to_json(metrics), now)
        run = (
            escape_surrogates(device),
            escape_surrogates(source),
            version,
            to_json(config),
            now,
            self._clock.boot_id,
            lead,
            sha256,
        )
        with self.in_use(), self.database.atomic():
            self.database.execute(_INSERT_MODEL, model)
            run_id = self.database.execute(_INSERT_RUN, run).lastrowid
        assert run_id is not None
        self._run_id, self._lead = run_id, lead
        return run_id

    def has(self, source: str, key: str) -> bool:
        """Whether this frame was classified already, in whichever run, even if retention has removed its row."""
        return self.failed(source, key) is not None

    def failed(self, source: str, key: str) -> bool | None:
        """Whether this frame, which `has` its row, could not be classified; None if it has none yet."""
        frame = (escape_surrogates(source), escape_surrogates(key))
        with self.in_use():
            found = self.database.execute(_FAILED, frame * 2).fetchone()
        return None if found is None else bool(found[0])

    def write(self, classification: Classification) -> None:
        """Commit one row; when this returns it survives a power cut. See `write_many`."""
        self.write_many([classification])

    def write_many(self, classifications: Sequence[Classification]) -> None:
        """Commit these rows in one transaction: when this returns all survive a power cut, and if it raises none is there.

        A second row for the same (source, key) changes nothing: the first one stands. Scores keep 6 decimals,
        durations 3, and a number that is not finite becomes null. Where the clock was set since the last row, another
        run of the same begins. A commit waits for the disk: 16 rows together cost two to four times one alone.

        Raises:
            RuntimeError: no run has begun.
        """
        if self._run_id is None:
            raise RuntimeError("write() comes after begin_run()")
        lead = self._clock.boot_offset()
        if is_step(self._lead, lead):
            self._write_by_new_clock(self._run_id, classifications, lead)
            return
        rows = [result_values(self._run_id, each) for each in classifications]
        with self.in_use(), self.database.atomic():
            self.database.conn.executemany(INSERT_RESULT, rows)
        self._has_news = True

    def _write_by_new_clock(self, run_id: int, classifications: Sequence[Classification], lead: float) -> None:
        """Write the rows into a run like this one, by the clock as it is now; the run until now ends."""
        now, jump = self._clock.now(), timedelta(seconds=lead - (self._lead or 0.0))

        def is_late(one: Classification) -> bool:
            """The frame in hand may have got its time before: from whichever clock it would then be more recent."""
            return abs(now - jump - one.classified_at) < abs(now - one.classified_at)

        late = [result_values(run_id, one) for one in classifications if is_late(one)]
        with self.in_use(), self.database.atomic():
            self.database.conn.executemany(INSERT_RESULT, late)
            self.database.execute(_END_RUN, (format_timestamp(now - jump), CLOCK_WAS_SET, run_id))
            new_id = self.database.execute(_GO_ON, (format_timestamp(now), lead, run_id)).lastrowid
            assert new_id is not None
            in_time = [result_values(new_id, one) for one in classifications if not is_late(one)]
            self.database.conn.executemany(INSERT_RESULT, in_time)
        self._run_id, self._lead, self._has_news = new_id, lead, True
        log.warning("the clock was set by %+.0f s: `edgecls clock` corrects the rows from before", jump.total_seconds())

    def end_run(self, reason: str) -> None:
        """Note when and why the run stopped; nothing if none is open. A run without this was killed.

        Nothing either once the file has shown damage: the next start must find an unclean stop, and check.
        """
        if self._run_id is None or self._damaged:
            return
        # By the run's own clock, should it have been set since the last row.
        lead = self._clock.boot_offset()
        late = lead - (self._lead or 0.0) if is_step(self._lead, lead) else 0.0
        now = format_timestamp(self._clock.now() - timedelta(seconds=late))
        with self.in_use():
            self.database.execute(_END_RUN, (now, escape_surrogates(reason), self._run_id))
        self._run_id = None

    def check_place(self) -> None:
        """Raise FileReplaced unless what lies at the path is the open file: a few microseconds, without SQLite."""
        self._place.check()

    def log_state(self) -> tuple[int, int]:
        """Return what changes with each write: size [bytes] and time of modification [ns] of SQLite's log."""
        return self._place.log_state()

    def write_log_back(self) -> bool:
        """Write SQLite's log into the file, which then contains all rows; returns False if readers are in the way.

        Waits for nobody. For a store of `open_durably`.
        """
        with self.in_use():
            try:
                self.database.conn.execute("PRAGMA busy_timeout=0")
                (busy, *_) = self.database.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                count_generation(self.database)
            finally:
                self.database.conn.execute(f"PRAGMA busy_timeout={round(self._busy_timeout * 1000)}")
        return not busy

    def close(self) -> None:
        """Close the file; again does nothing. Before that, its newest rows become ready to be searched for words."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            problem = self._problem()
            if problem:
                salvage_rows(self.path, self.database, self._place, problem, self._progress)
            elif self._has_news:
                # Not all that there may be: a stop is not to take long, and whoever writes next goes on.
                with suppress(EdgeclsError), self.in_use():
                    index_batch(self.database, _WORDS_AT_CLOSE)
        finally:
            self.database.close()
            if problem:
                self._place.remove_logs()
            self._place.close()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Raise the errors of this class while the database is asked; what was done inside counts once this is left.

        A damaged search index is made anew, and Unavailable raised: the rest of the file is as it was.
        """
        self._place.check()
        try:
            with translate_errors(self.path):
                yield
        except (BadDatabase, sqlite3.DatabaseError) as error:
            self._place.check()  # of a file that is being overwritten SQLite says that it is damaged
            if repair_search_index(self.database, error):
                raise Unavailable(f"{self.path}: the search index was damaged, and is made anew") from error
            self._damaged = self._damaged or isinstance(error, BadDatabase)
            raise
        self._place.check()

    def _problem(self) -> str | None:
        try:
            return self._place.problem()
        except EdgeclsError:
            return None


def _nothing() -> None:
    pass


_INSERT_MODEL = """
    INSERT INTO models (sha256, name, labels, metrics, first_seen) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET labels = excluded.labels
"""
_INSERT_RUN = """
    INSERT INTO runs (model_id, device, source, version, config, started_at, boot_id, boot_offset)
    SELECT id, ?, ?, ?, ?, ?, ?, ? FROM models WHERE sha256 = ?
"""
_GO_ON = """
    INSERT INTO runs (model_id, device, source, version, config, started_at, boot_id, boot_offset)
    SELECT model_id, device, source, version, config, ?, boot_id, ? FROM runs WHERE id = ?
"""
_END_RUN = "UPDATE runs SET stopped_at = ?, stop_reason = ? WHERE id = ?"
_FAILED = """
    SELECT error IS NOT NULL FROM results WHERE source = ? AND key = ?
    UNION ALL SELECT failed FROM pruned_keys WHERE source = ? AND key = ?
    LIMIT 1
"""
