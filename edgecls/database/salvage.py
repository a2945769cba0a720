"""Save the rows of a database that was removed, renamed or overwritten while it was open."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import PROGRESS_STEPS
from edgecls.database.file_identity import OVERWRITTEN, FileIdentity
from edgecls.database.renaming import free_name

log = logging.getLogger(__name__)


def salvage_rows(
    path: Path, db: Database, identity: FileIdentity, problem: str, progress: Callable[[], None] | None = None
) -> None:
    """Save what can be saved of the rows in `db` before it is closed, and log where they are.

    The log of a renamed file is written into that file. The rows of a removed file, which nobody could open again, are copied to
    FILE.removed-TIME. A file that another program has overwritten is not touched.
    """
    if progress is not None:
        db.conn.set_progress_handler(lambda: progress() and None, PROGRESS_STEPS)
    if problem == OVERWRITTEN:
        identity.discard_log()
        log.warning("%s %s by another program while it was open: its former rows are lost", path, problem)
        return
    with suppress(sqlite3.Error):  # as far as readers allow; the rest of the log is copied below, or stays
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    current_path = identity.current_path()
    if "log" in problem:
        log.warning("%s %s while it was open: all rows are in the file itself now", path, problem)
    elif current_path:
        log.warning("%s %s while it was open: its rows are in %s", path, problem, current_path)
    else:
        log.warning("%s %s while it was open: %s", path, problem, _copy_rows(path, db))


def _copy_rows(path: Path, db: Database) -> str:
    copy = free_name(path, "removed")
    try:
        (rows,) = db.execute("SELECT count(*) FROM results").fetchone()
        if not rows:
            return "it had no rows"
        db.conn.execute("VACUUM INTO ?", (str(copy),))
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        return f"its former rows are lost ({error})"
    return f"its {rows} rows are in {copy} now (delete that file, or merge it: `edgecls merge`)"
