"""Is the database sound? Asked by the service, after a stop that was not clean.

SQLite answers with `integrity_check`: 1.7 s for a million rows (613 MB), where `quick_check` takes 0.5 s but does not
compare indexes with their table. A power cut on a card that acknowledges what it has not yet written leaves exactly
that: pages that are whole, but old. A row missing from the index of (source, key) would let its frame be classified
twice.
"""

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import MIN_FILE_BYTES, SIDE_FILES, connect, write_transaction
from edgecls.database.derived import counts_match, rebuild_counts, rebuild_search_index
from edgecls.database.generations import has_foreign_log
from edgecls.database.schema import check_schema
from edgecls.database.search_index import is_search_index_sound
from edgecls.database.sqlite_errors import is_damage, translate_errors
from edgecls.errors import BadDatabase, from_os_error
from edgecls.files import flush_folder

log = logging.getLogger(__name__)

KILLED = "killed, or the power was cut"
"""`stop_reason` of a run that a later start found open; it has no `stopped_at`."""

LONGEST_LOOK_S = 2.0
"""At what is derived, after any stop: of it, no frame's row depends."""
_STEPS_BETWEEN_LOOKS = 1_000_000  # of SQLite's virtual machine: some tens of milliseconds


def repair_database(
    path: Path, stop: threading.Event, progress: Callable[[], None], *, busy_timeout: float | None = None
) -> bool:
    """Set a damaged database at `path` aside, so that a new one can be begun; leave a sound one as it is.

    False if `stop` was set before the check was done. What is no results database at all is not touched: opening it
    will say what it is. `busy_timeout` as for `schema.connect`.
    """
    try:
        _part_from_foreign_log(path)
        trouble = _trouble(path, stop, progress, busy_timeout)
        if trouble and _is_sound_alone(path, stop, progress):
            name = set_aside(path, suffixes=SIDE_FILES)
            log.warning(_LOG_ASIDE, path, f"damaged ({trouble})", name)
            trouble = None
        if trouble and _is_mended(path, stop, progress):
            log.warning("%s was damaged (%s), but none of its rows: what is derived was made anew", path, trouble)
            trouble = None
    except _Stopped:
        return False
    if trouble:
        name = set_aside(path)
        log.warning(
            "%s was damaged (%s): it is now %s, and a new one was begun; rescue its rows with `sqlite3 %s .dump`",
            *(path, trouble, name, name),
        )
    return True


_LOG_ASIDE = (
    "the log beside %s is %s, the file itself is sound: the log is now %s-wal, and the file is used without it"
    " (`edgecls restore` is the safe way to put a backup in place)"
)


def _part_from_foreign_log(path: Path) -> None:
    """Set aside a log that another database has left: it would be written over the file at `path`."""
    if path.is_file() and _size(path) >= MIN_FILE_BYTES and has_foreign_log(path):
        log.warning(_LOG_ASIDE, path, "that of another database", set_aside(path, suffixes=SIDE_FILES))


def _is_sound_alone(path: Path, stop: threading.Event, progress: Callable[[], None]) -> bool:
    """Return whether the file at `path` is a sound database without the log that lies beside it."""
    if _size(path, "-wal") == 0 or _size(path) < MIN_FILE_BYTES:
        return False
    try:
        with translate_errors(path), closing(connect(path, "mode=ro&immutable=1")) as db:
            check_schema(db, path)
            return _findings(db, stop, progress) is None
    except (BadDatabase, sqlite3.Error):
        return False


def _is_mended(path: Path, stop: threading.Event, progress: Callable[[], None]) -> bool:
    """Return whether the database is sound once search index and counts are made anew from its tables.

    An index that disagrees with its table is not mended: which of the two is old, nothing says.
    """
    if _size(path) < MIN_FILE_BYTES or _is_erased(path, log_left=True):
        return False
    try:
        with closing(connect(path, "mode=rw")) as db, _watched(db, stop, progress):
            with write_transaction(db):
                rebuild_search_index(db, by_force=True)
                rebuild_counts(db, by_force=True)
            lines = "\n".join(str(row[0]) for row in db.execute(f"PRAGMA integrity_check({_ALL})")).splitlines()
            if not all(_UNUSED_PAGE.match(line) for line in lines):
                return False
            db.execute("VACUUM")
            return str(db.execute("PRAGMA integrity_check(1)").fetchone()[0]) == "ok"
    except sqlite3.Error as error:
        if stop.is_set() and "interrupted" in str(error):
            raise _Stopped from error
        return False


_ALL = 1_000_000
_UNUSED_PAGE = re.compile(r"ok$|\*\*\* in database|Page \d+:? (is )?never used")


def repair_derived_tables(db: Database, progress: Callable[[], None]) -> None:
    """Make what is derived from the rows anew where it cannot be read, or does not agree with them.

    That takes about a second for a million rows; what has not shown in LONGEST_LOOK_S is left for a later start.
    """
    for is_right, make_anew, what in (
        (is_search_index_sound, rebuild_search_index, "the search index was damaged"),
        (counts_match, rebuild_counts, "the counts of rows by hour and day did not agree with the rows"),
    ):
        if _is_right(db, is_right, progress):
            continue
        with write_transaction(db), _watched(db, threading.Event(), progress):
            make_anew(db)
        log.warning("%s: made anew from the rows, which are all there", what)


def _is_right(db: Database, is_right: Callable[[Database], bool], progress: Callable[[], None]) -> bool:
    """Return what `is_right` says of `db`; True if that takes too long."""
    time_is_up = threading.Event()
    deadline = time.monotonic() + LONGEST_LOOK_S

    def look() -> None:
        progress()
        if time.monotonic() > deadline:
            time_is_up.set()

    try:
        with _watched(db, time_is_up, look):
            return is_right(db)
    except sqlite3.OperationalError as error:
        if time_is_up.is_set() and "interrupted" in str(error):
            return True
        raise


@contextmanager
def _watched(db: Database, stop: threading.Event, progress: Callable[[], None]) -> Iterator[None]:
    """Call `progress` while SQLite works inside, and interrupt it once `stop` is set."""

    def look() -> int:
        progress()
        return stop.is_set()

    db.conn.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        db.conn.set_progress_handler(None, 0)


def close_killed_runs(db: Database) -> None:
    """Close the runs that a killed process left open, so that the check they asked for is not done again."""
    db.execute(f"UPDATE runs SET stop_reason = ? WHERE {_LEFT_OPEN}", (KILLED,))  # noqa: S608 - no value in it


_LEFT_OPEN = "stopped_at IS NULL AND stop_reason IS NULL"


class _Stopped(Exception):
    """The check was ended before it had an answer."""


def _trouble(path: Path, stop: threading.Event, progress: Callable[[], None], busy_timeout: float | None) -> str | None:
    """What is wrong with the file at `path`; None if nothing is, or it is not for us to say."""
    log_left = _size(path, "-wal") > 0 or _size(path, "-journal") > 0
    if not _size(path):
        return "it is empty, but its log is not" if _size(path, "-wal") else None
    if not path.is_file():
        return None
    if _is_erased(path, log_left=log_left):
        return "its beginning is not that of a database"
    if _size(path) < MIN_FILE_BYTES:
        return None
    # To close it after writing would write the log into the file, which may be sound without it.
    mode = "mode=ro" if _size(path, "-wal") else "mode=rw"
    try:
        with translate_errors(path), closing(connect(path, mode, busy_timeout=busy_timeout)) as db:
            check_schema(db, path, empty_is_fine=True)
            return _findings(db, stop, progress) if log_left or _was_killed(db) else None
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
    """Whether this was a database: its first bytes are those of an erased block, or a log of one lies beside it.

    Anything else that is not SQLite is a file that the configuration names by mistake.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(16)
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    if beginning == b"SQLite format 3\0":
        return False
    return log_left or set(beginning) in ({0}, {0xFF})


def _was_killed(db: Database) -> bool:
    """A run still open: its process, and with it perhaps the machine, was stopped by force."""
    if "runs" not in db.table_names():
        return False
    return db.execute(f"SELECT 1 FROM runs WHERE {_LEFT_OPEN} LIMIT 1").fetchone() is not None  # noqa: S608


def _findings(db: Database, stop: threading.Event, progress: Callable[[], None]) -> str | None:
    """What `integrity_check` finds first; None if nothing."""
    begun = time.monotonic()
    try:
        with _watched(db, stop, progress):
            found = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if stop.is_set() and "interrupted" in str(error):
            raise _Stopped from error
        raise
    log.info("the database was not closed cleanly: checked in %.1f s", time.monotonic() - begun)
    return None if found == "ok" else " ".join(found.split())


def set_aside(path: Path, *, kind: str = "corrupt", suffixes: tuple[str, ...] = ("", *SIDE_FILES)) -> Path:
    """Rename the database at `path`, and what SQLite keeps beside it, to NAME.corrupt-TIME; returns that name.

    TIME is now, in UTC; no name is taken twice, and nothing is deleted. `suffixes`: of the files that are renamed, by
    default all. Raises IoFailed where the system refuses.
    """
    name = free_name(path, kind)
    try:
        # The database first: should we be killed in between, a log without one is found, and set aside, at the next
        # start; a damaged database without its log might pass for a sound one.
        for suffix in suffixes:
            if os.path.lexists(f"{path}{suffix}"):
                os.rename(f"{path}{suffix}", f"{name}{suffix}")
        flush_folder(path.parent)
    except OSError as error:
        raise from_os_error(error, f"cannot set the damaged {path} aside") from error
    return name


def free_name(path: Path, kind: str) -> Path:
    """Return NAME.KIND-TIME, a name that no database at `path` has been set aside under yet."""
    base = f"{path.name}.{kind}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    name, number = path.with_name(base), 1
    while any(os.path.lexists(f"{name}{suffix}") for suffix in ("", *SIDE_FILES)):
        number += 1
        name = path.with_name(f"{base}-{number}")
    return name
