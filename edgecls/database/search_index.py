"""The index of the words in paths, labels and errors, `results_text`, which trails the rows a little.

A row indexed in its own transaction would cost a memory card seven pages more, so rows are indexed many at a time;
`results_text_up_to` says how far. `search` looks at the rows after that directly.
"""

import logging
import sqlite3
import time
from typing import TYPE_CHECKING

from sqlite_utils import Database

from edgecls.database.connection import write_transaction
from edgecls.database.derived import rebuild_search_index
from edgecls.database.sqlite_errors import is_damage, is_index_damage
from edgecls.errors import Unavailable

if TYPE_CHECKING:
    from edgecls.database.store import Store

log = logging.getLogger(__name__)

BATCH = 1000
"""Rows indexed in one transaction: some ten milliseconds."""
EVERY_S = 60.0
"""Rows that are fewer than a batch wait for so long."""


def index_batch(db: Database, most: int = BATCH) -> int:
    """Index at most `most` rows that are not indexed yet, in order of writing, in one transaction; returns how many."""
    with db.atomic():
        (up_to,) = db.execute("SELECT id FROM results_text_up_to").fetchone() or _no_bound()
        last, count = db.execute(_BATCH, (up_to, most)).fetchone()
        if count:
            db.execute(_INDEX, (up_to, last))
            db.execute("UPDATE results_text_up_to SET id = ?", (last,))
    return int(count)


def _no_bound() -> tuple[int]:
    raise sqlite3.DatabaseError("results_text_up_to is empty")


_BATCH = "SELECT max(id), count(*) FROM (SELECT id FROM results WHERE id > ? ORDER BY id LIMIT ?)"
_INDEX = """
    INSERT INTO results_text (rowid, path, label, error)
    SELECT id, path, label, error FROM results WHERE id > ? AND id <= ? ORDER BY id
"""


def repair_search_index(db: Database, error: BaseException | None) -> bool:
    """Make the index anew if `error` is due to damage in it; returns whether it was. It is then empty, and catches up.

    `error`: sqlite3's, or ours with that one as its cause.
    """
    cause = error if isinstance(error, sqlite3.Error) else error and error.__cause__
    if db.conn.in_transaction or not (is_index_damage(cause) or is_damage(cause)):
        return False
    if not is_index_damage(cause) and is_search_index_sound(db):
        return False
    try:
        with write_transaction(db):
            rebuild_search_index(db)
    except sqlite3.Error:  # then it is more than the index
        return False
    log.warning("the search index was damaged: it is made anew from the rows, which are all there")
    return True


def is_search_index_sound(db: Database) -> bool:
    """Return whether the index can be read from its beginning to its end: a second for a million rows, about."""
    try:
        db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab('main', 'results_text', 'row')")
        (terms,) = db.execute("SELECT count(*) FROM temp.terms").fetchone()
        (up_to,) = db.execute("SELECT id FROM results_text_up_to").fetchone() or (None,)
    except sqlite3.DatabaseError as error:
        if is_index_damage(error) or is_damage(error):
            return False
        raise
    return up_to is not None and (terms > 0 or up_to == 0)


def index_all_rows(db: Database) -> None:
    """Index all rows that are not yet, mending the index if need be."""
    while True:
        try:
            while index_batch(db, BATCH):
                pass
        except sqlite3.DatabaseError as error:  # noqa: PERF203 - once at most
            if not repair_search_index(db, error):
                raise
        else:
            return


class SearchIndex:
    """Lets the index of `store` catch up every `every` seconds, or every BATCH rows."""

    def __init__(self, store: "Store", *, every: float = EVERY_S) -> None:
        self._store = store
        self._every = every
        self._due = 0.0
        self._rows = BATCH  # perhaps: what an earlier run has left

    def catch_up(self, rows: int = 1) -> int:
        """Index at most a batch; returns how many rows that were. To be called after each commit, of so many `rows`.

        Most calls only look at the clock, and all do while there are no new rows. A disk that is full or a file that is held is left for the next time; while
        a whole batch was found, more is done at every call. Raises the other errors of `Store`.
        """
        self._rows += rows
        if self._rows < BATCH and (not self._rows or time.monotonic() < self._due):
            return 0
        try:
            with self._store.in_use():
                indexed = index_batch(self._store.database, BATCH)
        except Unavailable:
            self._rows, self._due = BATCH - 1, time.monotonic() + self._every
            return 0
        self._rows = BATCH if indexed == BATCH else 0
        self._due = time.monotonic() + self._every
        return indexed
