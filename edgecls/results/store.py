"""The one writer of a results database."""

import json
import math
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, final

from sqlite_utils import Database

from edgecls.errors import NoInput, WriteFailed, from_os_error
from edgecls.records import Classification
from edgecls.results import schema
from edgecls.results.schema import (
    check_file,
    check_schema,
    connect,
    is_locked,
    migrate,
    storable,
    timestamp,
    translated,
)


@final
class Store:
    """Writes classifications to the database at `path`, creating it if need be; a context manager.

    For one thread: the one that made it. Lone surrogates in texts are stored as `schema.storable` says.

    Raises (from every method):
        NoInput: the folder that should hold the file does not exist.
        WriteFailed: the disk is full, access is refused, or another process holds the file.
        BadDatabase: the file is damaged, of a newer edgecls, or something else altogether. It is left as it was.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._run_id: int | None = None
        self._db = _open(self._path)

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
        now = timestamp(datetime.now(timezone.utc))
        model = (sha256, storable(model_name), _json(list(labels)), _json(metrics), now)
        run = (storable(device), storable(source), version, _json(config), now, sha256)
        with translated(self._path), self._db.atomic():
            self._db.execute(_INSERT_MODEL, model)
            self._run_id = self._db.execute(_INSERT_RUN, run).lastrowid
        assert self._run_id is not None
        return self._run_id

    def has(self, source: str, key: str) -> bool:
        """Whether a row for this frame is there already, from whichever run."""
        with translated(self._path):
            found = self._db.execute(_HAS, (storable(source), storable(key))).fetchone()
        return found is not None

    def has_failed(self, source: str, key: str) -> bool:
        """Whether this frame has a row, and the row an error."""
        with translated(self._path):
            found = self._db.execute(_HAS_FAILED, (storable(source), storable(key))).fetchone()
        return found is not None

    def write(self, classification: Classification) -> None:
        """Commit one row; when this returns it survives a power cut.

        A second row for the same (source, key) changes nothing: the first one stands. Scores keep 6 decimals,
        durations 3, and a number that is not finite becomes null.

        Raises:
            RuntimeError: no run has begun.
        """
        if self._run_id is None:
            raise RuntimeError("write() comes after begin_run()")
        row = _row(self._run_id, classification)
        with translated(self._path):
            self._db.execute(_INSERT_RESULT, row)

    def end_run(self, reason: str) -> None:
        """Note when and why the run stopped; nothing if none is open. A run without this was killed."""
        if self._run_id is None:
            return
        with translated(self._path):
            self._db.execute(_END_RUN, (timestamp(datetime.now(timezone.utc)), storable(reason), self._run_id))
        self._run_id = None

    def close(self) -> None:
        """Close the file; again does nothing."""
        self._db.close()


_INSERT_MODEL = """
    INSERT INTO models (sha256, name, labels, metrics, first_seen) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (sha256) DO NOTHING
"""
_INSERT_RUN = """
    INSERT INTO runs (model_id, device, source, version, config, started_at)
    SELECT id, ?, ?, ?, ?, ? FROM models WHERE sha256 = ?
"""
_END_RUN = "UPDATE runs SET stopped_at = ?, stop_reason = ? WHERE id = ?"
_HAS = "SELECT 1 FROM results WHERE source = ? AND key = ?"
_HAS_FAILED = f"{_HAS} AND error IS NOT NULL"
# Not INSERT OR IGNORE, which would also swallow a violated NOT NULL.
_INSERT_RESULT = """
    INSERT INTO results (run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms,
                         infer_ms, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (source, key) DO NOTHING
"""


def _row(run_id: int, classification: Classification) -> tuple[str | float | None, ...]:
    """The values of _INSERT_RESULT, in its order."""
    top_k = [{"label": one.label, "score": _rounded(one.score, 6)} for one in classification.top_k]
    return (
        run_id,
        storable(classification.source),
        storable(classification.key),
        _storable_or_none(classification.path),
        timestamp(classification.captured_at),
        timestamp(classification.classified_at),
        _storable_or_none(classification.label),
        _rounded(classification.score, 6),
        _json(top_k),
        _rounded(classification.decode_ms, 3),
        _rounded(classification.infer_ms, 3),
        _storable_or_none(classification.error),
    )


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None or not math.isfinite(number) else round(float(number), digits)


def _json(value: Any) -> str:
    """JSON that people can read and every parser takes: non-ASCII as it is, NaN and infinities as null."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` in JSON's types; what is none of them (a path, a time) becomes its text."""
    if isinstance(value, Mapping):
        return {storable(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, int):  # a bool is an int
        return value
    return storable(value if isinstance(value, str) else str(value))


def _open(path: Path) -> Database:
    """The database at `path`, made if it was not there, ready to write."""
    created = _create(path)
    try:
        with translated(path):
            return _set_up(path)
    except BaseException as error:
        # A file of ours that another process holds is in use by now: that one is not ours to remove.
        if created and not is_locked(error.__cause__):
            for suffix in ("", "-journal", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        raise


def _create(path: Path) -> bool:
    """Put an empty file at `path` unless something is there: True if this call, and no other process, made it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644))
    except FileExistsError as error:
        if path.is_file():
            check_file(path)
            return False
        raise WriteFailed(f"cannot write {path}: it is a folder, a device or a broken link: name a file") from error
    except FileNotFoundError as error:
        raise NoInput(f"cannot create {path}: there is no folder {path.parent}: make it first") from error
    except OSError as error:
        raise from_os_error(error, f"cannot create {path}") from error
    return True


def _set_up(path: Path) -> Database:
    db = connect(path, "mode=rw")
    try:
        check_schema(db, path, empty_is_fine=True)  # before anything is written: the file may be someone else's
        _switch_to_wal(db)
        # A row is acknowledged (its file moved or deleted) once write() returns, so a commit must reach the disk:
        # with NORMAL, WAL's usual companion, power cuts lost 164 of 422 committed rows; with FULL none.
        db.conn.execute("PRAGMA synchronous=FULL")
        db.conn.execute("PRAGMA foreign_keys=ON")
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _switch_to_wal(db: Database) -> None:
    """So that readers and the writer do not block each other.

    Where a file system cannot do it (no shared memory), SQLite stays with its rollback journal: slower, just as safe.
    """
    deadline = time.monotonic() + schema.BUSY_TIMEOUT_S
    while True:
        try:
            db.conn.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:  # noqa: PERF203  # it waits anyway
            # Of two processes that switch the same new file, SQLite refuses one at once, busy timeout or not.
            if not is_locked(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
