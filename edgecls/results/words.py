"""The index of the words in paths, labels and errors, `results_text`, which trails the rows a little.

A row indexed in its own transaction would cost a memory card seven pages more, so rows are indexed many at a time;
`results_text_up_to` says how far. `search` looks at the rows after that directly.
"""

import time
from typing import TYPE_CHECKING

from sqlite_utils import Database

from edgecls.errors import TryAgain
from edgecls.results.schema import translated

if TYPE_CHECKING:
    from edgecls.results.store import Store

BATCH = 1000
"""Rows indexed in one transaction: some ten milliseconds."""
EVERY_S = 60.0
"""Rows that are fewer than a batch wait for so long."""


def catch_up(db: Database, most: int = BATCH) -> int:
    """Index at most `most` rows that are not indexed yet, in order of writing, in one transaction; returns how many."""
    with db.atomic():
        (up_to,) = db.execute("SELECT id FROM results_text_up_to").fetchone()
        last, count = db.execute(_BATCH, (up_to, most)).fetchone()
        if count:
            db.execute(_INDEX, (up_to, last))
            db.execute("UPDATE results_text_up_to SET id = ?", (last,))
    return int(count)


_BATCH = "SELECT max(id), count(*) FROM (SELECT id FROM results WHERE id > ? ORDER BY id LIMIT ?)"
_INDEX = """
    INSERT INTO results_text (rowid, path, label, error)
    SELECT id, path, label, error FROM results WHERE id > ? AND id <= ? ORDER BY id
"""


class WordIndex:
    """Lets the index of `store` catch up every `every` seconds, or every BATCH rows."""

    def __init__(self, store: "Store", *, every: float = EVERY_S) -> None:
        self._store = store
        self._every = every
        self._due = 0.0
        self._rows = 0

    def catch_up(self, rows: int = 1) -> int:
        """Index at most a batch; returns how many rows that were. To be called after each commit, of so many `rows`.

        Most calls only look at the clock. A disk that is full or a file that is held is left for the next time; while
        a whole batch was found, more is done at every call. Raises the other errors of `Store`.
        """
        self._rows += rows
        if time.monotonic() < self._due and self._rows < BATCH:
            return 0
        try:
            with translated(self._store.path):
                indexed = catch_up(self._store.database, BATCH)
        except TryAgain:
            indexed = 0
        self._rows = 0
        self._due = 0.0 if indexed == BATCH else time.monotonic() + self._every
        return indexed
