"""Closing a database that was removed, renamed or overwritten while it was open."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.file_identity import OVERWRITTEN, FileIdentity
from edgecls.database.health import free_name

log = logging.getLogger(__name__)

_STEPS_BETWEEN_CALLS = 1_000_000  # of SQLite's virtual machine: some tens of milliseconds


def salvage_rows(
    path: Path, db: Database, place: FileIdentity, problem: str, progress: Callable[[], None] | None = None
) -> None:
    """Save what can be saved of the rows in `db` before it is closed, and log what has become of them.

    A renamed file gets the rows that are still in the log. Those of a removed one, which nobody could open again, are
    copied to FILE.removed-TIME. A file that was overwritten by another program is not touched.
    """
    if progress is not None:
        db.conn.set_progress_handler(lambda: progress() and None, _STEPS_BETWEEN_CALLS)
    if problem == OVERWRITTEN:
        place.discard_log()
        log.warning("%s %s by another program while it was open: its former rows are lost", path, problem)
        return
    with suppress(sqlite3.Error):  # as far as readers allow; the log is copied below, or stays
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    name = place.name_now()
    if "log" in problem:
        log.warning("%s %s while it was open: all rows are in the file itself now", path, problem)
    elif name:
        log.warning("%s %s while it was open: its rows are in %s", path, problem, name)
    else:
        log.warning("%s %s while it was open: %s", path, problem, _copied(path, db))


def _copied(path: Path, db: Database) -> str:
    name = free_name(path, "removed")
    try:
        (rows,) = db.execute("SELECT count(*) FROM results").fetchone()
        if not rows:
            return "it had no rows"
        db.conn.execute("VACUUM INTO ?", (str(name),))
    except sqlite3.Error as error:
        name.unlink(missing_ok=True)
        return f"its former rows are lost ({error})"
    return f"its {rows} rows are in {name} now (delete that file, or merge it: `edgecls merge`)"
