"""Write classifications to a results database: the one writer."""

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
from edgecls.database.generations import start_generation
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
"""`stop_reason` of a run that continues as another run because the clock was set."""

DURABLE_BUSY_TIMEOUT_S = 1.0
"""Busy timeout of a store opened durably: its caller retries, and handles signals between two attempts."""
_ROWS_INDEXED_AT_CLOSE = 5000
"""The highest number of rows that closing indexes, which takes 0.1 s."""


@final
class Store:
    """Write classifications to the database at `path`, which is created if needed; a context manager.

    Use it from the thread that created it. Lone surrogates in texts are escaped, see `escape_surrogates`.

    Raises (from every method):
        InputNotFound: the folder of the file does not exist.
        Unavailable: the disk is full, or another process has locked the file; the call may be repeated.
        IoFailed: access is refused.
        BadDatabase: the file is damaged, has another schema version, or is not a results database. It is left unchanged.
        FileReplaced: the file was removed, renamed or overwritten since it was opened. Repeat the call with a new store:
            this one can only be closed.
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
        """Open the file. A service uses `open_durably` instead.

        `busy_timeout`: seconds to wait for another process, BUSY_TIMEOUT_S by default. `progress` is called repeatedly while
        closing takes long. `file`: the resolved path, if `path` is a link whose target may not exist yet.
        """
        self.path = Path(path)
        self._progress = progress
        self._busy_timeout = BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout
        self._clock = clock
        self._boot_offset: float | None = None
        self._run_id: int | None = None
        self._is_damaged = False
        self._has_new_rows = False
        self.database: Database = open_for_writing(file or self.path, busy_timeout=busy_timeout)
        """Use it inside `access`."""
        self._is_open = True
        try:
            with translate_errors(self.path):
                self._identity = FileIdentity(self.path, self.database)
            self._identity.check()
        except BaseException:
            self.database.close()
            raise

    @classmethod
    def open_durably(
        cls, path: str | Path, *, stop: threading.Event | None = None, progress: Callable[[], None] | None = None
    ) -> "Store":
        """Open the database for an unattended service: after an unclean stop, check it first.

        A damaged database is renamed (see `renaming.set_aside`), a new one is created, and a warning is logged. `progress` is
        called several times a second during the check; setting `stop` ends the check, and the next start repeats it. The
        methods wait one second for another process, not ten, before they raise Unavailable.

        The caller ensures that no other service writes to this file.
        """
        real = Path(os.path.realpath(path))  # SQLite's log lies beside the file, not beside a link to it
        stop, report = stop or threading.Event(), progress or _do_nothing
        is_checked = health.repair_database(real, stop, report, busy_timeout=DURABLE_BUSY_TIMEOUT_S)
        try:
            store = cls(path, busy_timeout=DURABLE_BUSY_TIMEOUT_S, progress=progress, file=real)
            try:
                if is_checked:
                    with store.access() as db:
                        health.repair_derived_tables(db, report)
                        health.close_killed_runs(db)
            except BaseException:
                store.close()
                raise
        except FileReplaced as error:  # nothing was written yet, so the new file serves as well
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
        """Register a run, and its model by `sha256`; return the id of the run. End a run that is still open."""
        self.end_run("another run began")
        now, boot_offset = format_timestamp(self._clock.now()), self._clock.boot_offset()
        model = (sha256, escape_surrogates(model_name), to_json(list(labels)), to_json(metrics), now)
        names = (escape_surrogates(device), escape_surrogates(source))
        run = (*names, version, to_json(config), now, self._clock.boot_id, boot_offset, sha256)
        with self.access() as db, db.atomic():
            db.execute(_INSERT_MODEL, model)
            run_id = db.execute(_INSERT_RUN, run).lastrowid
        assert run_id is not None
        self._run_id, self._boot_offset = run_id, boot_offset
        return run_id

    def has(self, source: str, key: str) -> bool:
        """Return whether the frame was classified in any run, even if retention has removed its row."""
        return self.failed(source, key) is not None

    def failed(self, source: str, key: str) -> bool | None:
        """Return whether the frame could not be classified; None if it was not classified yet."""
        frame = (escape_surrogates(source), escape_surrogates(key))
        with self.access() as db:
            row = db.execute(_FAILED, frame * 2).fetchone()
        return None if row is None else bool(row[0])

    def write(self, classification: Classification) -> None:
        """Commit one row; when this returns, the row survives a power cut. See `write_many`."""
        self.write_many([classification])

    def write_many(self, classifications: Sequence[Classification]) -> None:
        """Commit rows in one transaction: when this returns, all survive a power cut; if it raises, none was written.

        A second row for the same (source, key) is ignored. Scores keep 6 decimals, durations 3; a number that is not finite
        becomes null. If the clock was set since the last row, a new run begins. A commit waits for the disk: 16 rows together
        take two to four times as long as one.

        Raises:
            RuntimeError: no run has begun.
        """
        if self._run_id is None:
            raise RuntimeError("write() needs begin_run() first")
        boot_offset = self._clock.boot_offset()
        if is_step(self._boot_offset, boot_offset):
            self._write_after_step(self._run_id, classifications, boot_offset)
            return
        rows = [result_values(self._run_id, each) for each in classifications]
        with self.access() as db, db.atomic():
            db.conn.executemany(INSERT_RESULT, rows)
        self._has_new_rows = True

    def _write_after_step(self, run_id: int, classifications: Sequence[Classification], boot_offset: float) -> None:
        """Write rows after the clock was set: end the run by the old clock, and begin one like it by the new clock."""
        now, step = self._clock.now(), timedelta(seconds=boot_offset - (self._boot_offset or 0.0))

        def is_by_old_clock(one: Classification) -> bool:
            """Return whether the frame got its time before the step: it is closer to the time by the old clock."""
            return abs(now - step - one.classified_at) < abs(now - one.classified_at)

        by_old = [result_values(run_id, one) for one in classifications if is_by_old_clock(one)]
        with self.access() as db, db.atomic():
            db.conn.executemany(INSERT_RESULT, by_old)
            db.execute(_END_RUN, (format_timestamp(now - step), CLOCK_WAS_SET, run_id))
            new_id = db.execute(_CONTINUE_RUN, (format_timestamp(now), boot_offset, run_id)).lastrowid
            assert new_id is not None
            by_new = [result_values(new_id, one) for one in classifications if not is_by_old_clock(one)]
            db.conn.executemany(INSERT_RESULT, by_new)
        self._run_id, self._boot_offset, self._has_new_rows = new_id, boot_offset, True
        log.warning("the clock was set by %+.0f s: `edgecls clock` corrects the earlier rows", step.total_seconds())

    def end_run(self, reason: str) -> None:
        """Store when and why the run stopped; a run without this was killed. Do nothing if no run is open.

        Do nothing either if the file turned out damaged: the next start must see an unclean stop, and check the file.
        """
        if self._run_id is None or self._is_damaged:
            return
        # The end is by the clock of the run, which may have been set since the last row.
        boot_offset = self._clock.boot_offset()
        step = boot_offset - (self._boot_offset or 0.0) if is_step(self._boot_offset, boot_offset) else 0.0
        now = format_timestamp(self._clock.now() - timedelta(seconds=step))
        with self.access() as db:
            db.execute(_END_RUN, (now, escape_surrogates(reason), self._run_id))
        self._run_id = None

    def check_identity(self) -> None:
        """Raise FileReplaced unless the path still leads to the open file; takes a few microseconds, without SQLite."""
        self._identity.check()

    def wal_state(self) -> tuple[int, int]:
        """Return size [bytes] and modification time [ns] of SQLite's log: they change with each write."""
        return self._identity.wal_state()

    def checkpoint(self) -> bool:
        """Copy SQLite's log into the file, which then has all rows; return False if a reader prevents it.

        This waits for no other process. Use it on a store of `open_durably`.
        """
        with self.access() as db:
            try:
                db.conn.execute("PRAGMA busy_timeout=0")
                (busy, *_) = db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                start_generation(db)
            finally:
                db.conn.execute(f"PRAGMA busy_timeout={round(self._busy_timeout * 1000)}")
        return not busy

    def close(self) -> None:
        """Close the file, after indexing its newest rows for search. A second call does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        problem = self._find_problem()
        try:
            if problem:
                salvage_rows(self.path, self.database, self._identity, problem, self._progress)
            elif self._has_new_rows:
                # A limited number, so that a stop is quick; the next writer indexes the rest.
                with suppress(EdgeclsError), self.access() as db:
                    index_batch(db, _ROWS_INDEXED_AT_CLOSE)
        finally:
            self.database.close()
            if problem:
                self._identity.remove_logs()
            self._identity.close()

    @contextmanager
    def access(self) -> Iterator["Database"]:
        """Yield the database, raise the errors of this class, and check the file before and after.

        What was done inside counts only once the block has ended. A damaged search index is rebuilt, and Unavailable raised:
        the rest of the file is unchanged.
        """
        self._identity.check()
        try:
            with translate_errors(self.path):
                yield self.database
        except (BadDatabase, sqlite3.DatabaseError) as error:
            self._identity.check()  # SQLite reports a file that is being overwritten as damaged
            if repair_search_index(self.database, error):
                raise Unavailable(
                    f"{self.path}: the search index was damaged and is being rebuilt: try again"
                ) from error
            self._is_damaged = self._is_damaged or isinstance(error, BadDatabase)
            raise
        self._identity.check()

    def _find_problem(self) -> str | None:
        try:
            return self._identity.find_problem()
        except EdgeclsError:
            return None


def _do_nothing() -> None:
    pass


# Another list of labels may come with the same model file: `--labels`.
_INSERT_MODEL = """
    INSERT INTO models (sha256, name, labels, metrics, first_seen) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO UPDATE SET labels = excluded.labels WHERE labels <> excluded.labels
"""
_INSERT_RUN = """
    INSERT INTO runs (model_id, device, source, version, config, started_at, boot_id, boot_offset)
    SELECT id, ?, ?, ?, ?, ?, ?, ? FROM models WHERE sha256 = ?
"""
_CONTINUE_RUN = """
    INSERT INTO runs (model_id, device, source, version, config, started_at, boot_id, boot_offset)
    SELECT model_id, device, source, version, config, ?, boot_id, ? FROM runs WHERE id = ?
"""
_END_RUN = "UPDATE runs SET stopped_at = ?, stop_reason = ? WHERE id = ?"
_FAILED = """
    SELECT error IS NOT NULL FROM results WHERE source = ? AND key = ?
    UNION ALL SELECT failed FROM pruned_keys WHERE source = ? AND key = ?
    LIMIT 1
"""
