"""Is the database sound, asked without getting in the way of the daemon that writes it."""

import sqlite3
import time
from contextlib import closing

from sqlite_utils import Database

from edgecls.database.reading import open_results
from edgecls.database.sqlite_errors import translate_errors
from edgecls.doctor.check_result import CheckResult, failed, ok, skipped
from edgecls.doctor.target import Target

LONGEST_S = 10.0
"""While a reader reads, the writer's log cannot be emptied and grows: so it is not read for longer."""
_STEPS_BETWEEN_LOOKS = 100_000


def database(target: Target) -> CheckResult:
    """Check the schema, and run SQLite's quick check: it reads every page, but does not compare indexes with tables."""
    path = target.database_path
    if not path.exists():
        return skipped(f"no {path} yet", "the daemon makes it; another one: --db FILE")
    with closing(open_results(path)) as db, translate_errors(path):
        rows = db.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()[0]
        newest = db.execute("SELECT classified_at FROM results ORDER BY id DESC LIMIT 1").fetchone()
        trouble, whole = _quick_check(db)
    message = f"{path}: {rows} rows so far, the newest of {newest[0] if newest else 'never'}"
    if trouble:
        return failed(f"{path} is damaged: {trouble}", "restart the daemon: it sets it aside and begins a new one")
    return ok(f"{message}; sound" if whole else f"{message}; sound as far as it was read in {LONGEST_S:.0f} s")


def _quick_check(db: Database) -> tuple[str | None, bool]:
    """Return what is wrong, or None; and whether the check completed."""
    deadline = time.monotonic() + LONGEST_S
    db.conn.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
    try:
        verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        return None, False
    return (None if verdict == "ok" else " ".join(verdict.split())), True
