"""Following a database: the newest rows, and then those that are written."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.reading import open_results
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import BadDatabase, InputNotFound, Unavailable
from edgecls.results.queries.filters import Filters
from edgecls.results.queries.rows import Row, RowQuery, find_rows

NEWEST = 10
"""Existing rows that are shown first where `limit` is not set."""


def follow_rows(db: Database, filters: Filters, wait: Callable[[], bool]) -> Iterator[Sequence[Row]]:
    """Yield the newest matching rows, the oldest of them first, and then batches of new rows in the order of writing.

    The order of writing does not depend on the clock. No transaction is open while `wait` runs. If the daemon replaces
    the file, the rows of the new one follow from its first. `db` stays open; it belongs to the caller.

    Args:
        db: A database opened for reading.
        filters: What a row must match; `limit` is the number of existing rows.
        wait: Called between two polls; rows end when it returns False.
    """
    path = Path(database_path(db))
    count = NEWEST if filters.limit is None else filters.limit
    with translate_errors(path), ExitStack() as opened:
        last_id, identity = _newest_id(db), _identity(path)
        yield list(itertools.islice(find_rows(db, filters), count))[::-1]
        while wait():
            current = _identity(path)
            if current != identity and (replacement := _open_if_ready(path)):
                opened.callback(replacement.close)
                db, last_id, identity = replacement, 0, current
            newest = _newest_id(db)
            if newest > last_id:
                # A new query each time: a device or model may be new.
                yield from RowQuery(db, filters).by_id(last_id, newest)
            last_id = newest


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # moved aside, and the new file is not there yet
        return None
    return status.st_dev, status.st_ino


def _open_if_ready(path: Path) -> Database | None:
    """Open the new database at `path`; None while it is being created."""
    try:
        return open_results(path)
    except (BadDatabase, InputNotFound, Unavailable):
        return None


def _newest_id(db: Database) -> int:
    return int(db.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()[0])
