"""Index new rows from time to time while a store writes them."""

import time

from edgecls.database.search_index import BATCH, index_batch
from edgecls.database.store import Store
from edgecls.errors import Unavailable

EVERY_S = 60.0
"""Fewer rows than a batch wait this long."""


class SearchIndex:
    """Index the rows of `store` every `every` seconds, or every BATCH rows."""

    def __init__(self, store: Store, *, every: float = EVERY_S) -> None:
        self._store = store
        self._every = every
        self._due = 0.0
        self._rows = BATCH  # an earlier run may have left rows that are not indexed

    def catch_up(self, rows: int = 1) -> int:
        """Index at most a batch if it is due; return how many rows. Call it after each commit, with its number of rows.

        Most calls only look at the time, and do nothing while there are no new rows. If the database is unavailable, a later call
        tries again; after a full batch the next call continues at once. Raises the other errors of `Store`.
        """
        self._rows += rows
        if self._rows < BATCH and (not self._rows or time.monotonic() < self._due):
            return 0
        try:
            with self._store.access() as db:
                indexed = index_batch(db, BATCH)
        except Unavailable:
            self._rows, self._due = BATCH - 1, time.monotonic() + self._every
            return 0
        self._rows = BATCH if indexed == BATCH else 0
        self._due = time.monotonic() + self._every
        return indexed
