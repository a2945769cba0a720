"""Rows as they are written."""

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
from edgecls.results.queries.finding import PAGE, Finding
from edgecls.results.queries.rows import Row, find_rows, parsed

NEWEST = 10
"""Rows that are there already and are shown first, if there is no limit that says otherwise."""


def follow(db: Database, which: Filters, wait: Callable[[], bool]) -> Iterator[Sequence[Row]]:
    """The newest rows that `which` asks for, oldest of them first, and then, in batches, those that are written.

    `wait` is called between two looks; the rows end when it returns False. Nothing of the database is held meanwhile.
    By order of writing: a clock that jumps hides no row. Where the daemon sets the file aside and begins a new one, the
    rows of that one follow, from its first. `db` stays open; it is the caller's.
    """
    path = Path(database_path(db))
    count = NEWEST if which.limit is None else which.limit
    with translate_errors(path), ExitStack() as opened:
        seen, file = _newest_id(db), _identity(path)
        yield list(itertools.islice(find_rows(db, which), count))[::-1]
        while wait():
            if (now := _identity(path)) != file and (new := _begun(path)):
                opened.callback(new.close)
                db, seen, file = new, 0, now
            newest = _newest_id(db)
            if newest <= seen:
                seen = newest  # where the newest rows went, their ids are given again
                continue
            finding = Finding(db, which)  # anew: a device or model may have come that was not there before
            while rows := finding.after(seen, newest, PAGE):
                yield list(map(parsed, rows))
                seen = rows[-1][0]
            seen = newest


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # set aside, and the new one is not there yet
        return None
    return found.st_dev, found.st_ino


def _begun(path: Path) -> Database | None:
    """The new database at `path`; None while it is being made."""
    try:
        return open_results(path)
    except (BadDatabase, InputNotFound, Unavailable):
        return None


def _newest_id(db: Database) -> int:
    return int(db.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()[0])
