"""Check and repair a database after an unclean stop; the service does this at its start.

The check is SQLite's `integrity_check`: 1.7 s for a million rows (613 MB). `quick_check` takes 0.5 s, but does not compare
indexes with their table. A power cut on a card that acknowledges what it has not written yet leaves exactly this: pages that are
valid, but old. A row missing from the index of (source, key) would let its frame be classified twice.
"""

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import MIN_FILE_BYTES, PROGRESS_STEPS, SIDE_FILES, connect, write_transaction
from edgecls.database.derived import counts_match, rebuild_counts, rebuild_search_index
from edgecls.database.generations import has_foreign_log
from edgecls.database.renaming import set_aside
from edgecls.database.schema import check_schema, is_empty
from edgecls.database.search_index import is_search_index_sound
from edgecls.database.sqlite_errors import is_damage, translate_errors
from edgecls.errors import BadDatabase, from_os_error

log = logging.getLogger(__name__)

KILLED = "killed, or the power was cut"
"""`stop_reason` of a run that a later start found open; it has no `stopped_at`."""

DERIVED_CHECK_S = 2.0
"""Time limit for the check of the counts and the search index: no row depends on them."""


def repair_database(
    path: Path, stop: threading.Event, progress: Callable[[], None], *, busy_timeout: float | None = None
) -> bool:
    """Repair a damaged database at `path`, or rename it so that a new one can be created; leave a sound one unchanged.

    Return False if `stop` was set before the check was done. A file that is not a results database is not touched: opening it
    raises the error. `busy_timeout` as for `connection.connect`.
    """
    try:
        _set_foreign_log_aside(path)
        problem = _find_problem(path, stop, progress, busy_timeout)
        if problem and _is_sound_without_log(path, stop, progress):
            name = set_aside(path, suffixes=SIDE_FILES)
            log.warning(_LOG_SET_ASIDE, path, f"is damaged ({problem})", name)
            problem = None
        if problem and _is_repaired(path, stop, progress):
            log.warning(
                "%s was damaged (%s): rebuilt the counts and the search index; all rows are intact", path, problem
            )
            problem = None
    except _Interrupted:
        return False
    if problem:
        name = set_aside(path)
        log.warning(
            "%s was damaged (%s): it is now %s, and a new database was created; rescue the rows with `sqlite3 %s .dump`",
            *(path, problem, name, name),
        )
    return True


_LOG_SET_ASIDE = (
    "the log beside %s %s, and the file is sound without it: the log is now %s-wal"
    " (to put a backup in place, use `edgecls restore`)"
)


def _set_foreign_log_aside(path: Path) -> None:
    """Set aside a log that belongs to another database: SQLite would write it into the file at `path`."""
    if path.is_file() and _size(path) >= MIN_FILE_BYTES and has_foreign_log(path):
        log.warning(_LOG_SET_ASIDE, path, "belongs to another database", set_aside(path, suffixes=SIDE_FILES))


def _is_sound_without_log(path: Path, stop: threading.Event, progress: Callable[[], None]) -> bool:
    if _size(path, "-wal") == 0 or _size(path) < MIN_FILE_BYTES:
        return False
    try:
        with translate_errors(path), closing(connect(path, "mode=ro&immutable=1")) as db:
            check_schema(db, path)
            return _check_integrity(db, stop, progress) is None
    except (BadDatabase, sqlite3.Error):
        return False


def _is_repaired(path: Path, stop: threading.Event, progress: Callable[[], None]) -> bool:
    """Rebuild search index and counts from the rows; return whether the database is sound then.

    An index that disagrees with its table is not repaired: nothing tells which of the two is old.
    """
    if _size(path) < MIN_FILE_BYTES or _is_erased(path, log_left=True):
        return False
    try:
        with closing(connect(path, "mode=rw")) as db, _interruptible(db, stop, progress):
            with write_transaction(db):
                rebuild_search_index(db, by_force=True)
                rebuild_counts(db, by_force=True)
            findings = "\n".join(str(row[0]) for row in db.execute("PRAGMA integrity_check(1000000)")).splitlines()
            if not all(_UNUSED_PAGE.match(line) for line in findings):
                return False
            db.execute("VACUUM")
            return str(db.execute("PRAGMA integrity_check(1)").fetchone()[0]) == "ok"
    except sqlite3.Error as error:
        if stop.is_set() and "interrupted" in str(error):
            raise _Interrupted from error
        return False


_UNUSED_PAGE = re.compile(r"ok$|\*\*\* in database|Page \d+:? (is )?never used")


def repair_derived_tables(db: Database, progress: Callable[[], None]) -> None:
    """Rebuild the search index and the counts where they cannot be read or do not match the rows.

    Their checks are limited to DERIVED_CHECK_S. Raises what SQLite raises.
    """
    for is_right, rebuild, problem in (
        (is_search_index_sound, rebuild_search_index, "the search index was damaged"),
        (counts_match, rebuild_counts, "the counts by hour and day did not match the rows"),
    ):
        if _passes(is_right, db, progress):
            continue
        with write_transaction(db), _interruptible(db, threading.Event(), progress):
            rebuild(db)
        log.warning("%s: rebuilt from the rows, which are all intact", problem)


def _passes(check: Callable[[Database], bool], db: Database, progress: Callable[[], None]) -> bool:
    """Return the result of `check`; True if it takes too long."""
    time_is_up = threading.Event()
    deadline = time.monotonic() + DERIVED_CHECK_S

    def look() -> None:
        progress()
        if time.monotonic() > deadline:
            time_is_up.set()

    try:
        with _interruptible(db, time_is_up, look):
            return check(db)
    except sqlite3.OperationalError as error:
        if time_is_up.is_set() and "interrupted" in str(error):
            return True
        raise


@contextmanager
def _interruptible(db: Database, stop: threading.Event, progress: Callable[[], None]) -> Iterator[None]:
    """Call `progress` while SQLite works inside, and interrupt it once `stop` is set."""

    def look() -> int:
        progress()
        return stop.is_set()

    db.conn.set_progress_handler(look, PROGRESS_STEPS)
    try:
        yield
    finally:
        db.conn.set_progress_handler(None, 0)


def close_killed_runs(db: Database) -> None:
    """Store that runs without an end were killed, so that the next start does not check the database again."""
    db.execute(f"UPDATE runs SET stop_reason = ? WHERE {_IS_OPEN}", (KILLED,))  # noqa: S608 - a constant


_IS_OPEN = "stopped_at IS NULL AND stop_reason IS NULL"


class _Interrupted(Exception):
    """The check was stopped before it had a result."""


def _find_problem(
    path: Path, stop: threading.Event, progress: Callable[[], None], busy_timeout: float | None
) -> str | None:
    """Return what is wrong with the file at `path`; None if nothing is, or if opening it will raise an error anyway."""
    log_left = _size(path, "-wal") > 0 or _size(path, "-journal") > 0
    if not _size(path):
        return "it is empty, but its log is not" if _size(path, "-wal") else None
    if not path.is_file():
        return None
    if _is_erased(path, log_left=log_left):
        return "it does not begin as a database does"
    if _size(path) < MIN_FILE_BYTES:
        return None
    # Closing a writable connection would write the log into the file, which may be sound without it.
    mode = "mode=ro" if _size(path, "-wal") else "mode=rw"
    try:
        with translate_errors(path), closing(connect(path, mode, busy_timeout=busy_timeout)) as db:
            check_schema(db, path, allow_empty=True)
            return _check_integrity(db, stop, progress) if log_left or _has_open_run(db) else None
    except BadDatabase as error:
        cause = error.__cause__
        if not is_damage(cause) or "file is not a database" in str(cause):
            return None
        return str(cause)


def _size(path: Path, suffix: str = "") -> int:
    try:
        return os.stat(f"{path}{suffix}").st_size
    except OSError:
        return 0


def _is_erased(path: Path, *, log_left: bool) -> bool:
    """Return whether this was a database: it begins with an erased block, or the log of a database lies beside it.

    Any other file that is not SQLite was named by mistake in the configuration.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    if beginning == b"SQLite format 3\0":
        return False
    return log_left or set(beginning) in ({0}, {0xFF})


def _has_open_run(db: Database) -> bool:
    """Return whether a run has no end: its process, and perhaps the machine, was stopped by force."""
    return not is_empty(db) and db.execute(f"SELECT 1 FROM runs WHERE {_IS_OPEN} LIMIT 1").fetchone() is not None  # noqa: S608


def _check_integrity(db: Database, stop: threading.Event, progress: Callable[[], None]) -> str | None:
    """Return the first finding of `integrity_check`, or None."""
    started = time.monotonic()
    try:
        with _interruptible(db, stop, progress):
            finding = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if stop.is_set() and "interrupted" in str(error):
            raise _Interrupted from error
        raise
    log.info("the database was not closed cleanly: checked it in %.1f s", time.monotonic() - started)
    return None if finding == "ok" else " ".join(finding.split())
