"""Databases as an older edgecls has left them."""

from contextlib import closing

from edgecls.database.connection import connect
from edgecls.database.migrations import MIGRATIONS

FIRST = "m002_votes_saved_frames_retention"
BEFORE_TALLIES = "m003_tallies_search_indexes"
BEFORE_BOUNDS = "m006_bounds_and_days"


def as_of(new, path, stop_before):
    """Copy the runs and rows of the database `new` to `path`, as the edgecls before this migration would have it."""
    with closing(connect(path, "mode=rwc")) as old:
        old.conn.execute("PRAGMA journal_mode=WAL")
        MIGRATIONS.apply(old, stop_before=stop_before)
        old.conn.execute("ATTACH ? AS new", [str(new)])
        for table in ("models", "runs", "results"):
            columns = ", ".join(old.table(table).columns_dict)
            old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table} ORDER BY id")
        old.conn.execute("DETACH new")
    return path
