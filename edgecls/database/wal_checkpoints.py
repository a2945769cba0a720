"""Copy SQLite's log into the database file in quiet times, so that the file alone has all rows.

People copy `results.db` without its log (results.db-wal), and their copy then lacks the rows that are still in the log.
"""

import time
from contextlib import suppress

from edgecls.database.store import Store
from edgecls.errors import Unavailable

QUIET_S = 2.0
"""A checkpoint is due when nothing was written for this long,"""
LONGEST_S = 60.0
"""or when a row has been in the log for this long,"""
LARGEST_LOG = 4 * 2**20
"""or when the log has this many bytes: SQLite's own limit, 1000 pages."""


class WalCheckpoints:
    """Checkpoint the log of `store`, in place of SQLite's automatic checkpoints."""

    def __init__(self, store: Store, *, quiet: float = QUIET_S, longest: float = LONGEST_S) -> None:
        self._store = store
        self._quiet, self._longest = quiet, longest
        self._state = (0, 0)
        self._newest: float | None = 0.0  # when the newest content of the log was seen; None: the log is empty
        self._oldest = 0.0
        with store.access() as db:
            db.conn.execute("PRAGMA wal_autocheckpoint = 0")

    def catch_up(self, rows: int = 1) -> bool:
        """Checkpoint if it is due; return whether it was done. Call it after each commit and when idle.

        Most calls only look at the files, and raise FileReplaced if the path no longer leads to the database. Readers and other
        writers are not waited for. Raises the other errors of `Store`.
        """
        del rows
        self._store.check_identity()
        now, state = time.monotonic(), self._store.wal_state()
        if state != self._state:
            if self._newest is None:
                self._oldest = now
            self._state, self._newest = state, now
        if self._newest is None:
            return False
        if now - self._newest < self._quiet and now - self._oldest < self._longest and state[0] < LARGEST_LOG:
            return False
        done = False
        with suppress(Unavailable):
            done = self._store.checkpoint()
        self._state = self._store.wal_state()
        # If a reader prevented it, try again later.
        self._newest, self._oldest = (None, now) if done else (now + self._longest, now)
        return done
