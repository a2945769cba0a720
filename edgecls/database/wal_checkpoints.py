"""Writing SQLite's log back into the file while there is time, so that the file alone contains all rows.

People copy `results.db` and no more. What is still in the log (results.db-wal) is then missing from their copy.
"""

import time
from contextlib import suppress

from edgecls.database.store import Store
from edgecls.errors import Unavailable

QUIET_S = 2.0
"""The log is written back once nothing was written for so long,"""
LONGEST_S = 60.0
"""or has been in the log for so long,"""
LARGEST_LOG = 4 * 2**20
"""or once the log has so many bytes: as SQLite itself does, after 1000 pages."""


class WalCheckpoints:
    """Writes the log of `store` back into the file, which SQLite itself then no longer does."""

    def __init__(self, store: Store, *, quiet: float = QUIET_S, longest: float = LONGEST_S) -> None:
        self._store = store
        self._quiet, self._longest = quiet, longest
        self._state = (0, 0)
        self._written: float | None = 0.0  # when the newest and the oldest of what is in the log were seen there
        self._since = 0.0
        with store.in_use():
            store.database.conn.execute("PRAGMA wal_autocheckpoint = 0")

    def catch_up(self, rows: int = 1) -> bool:
        """Write the log back if it is time; returns whether that was done. To be called after each commit, and when idle.

        Most calls look only at the files, and raise FileReplaced where the database is no longer at its name. Readers and
        other writers are not waited for. Raises the other errors of `Store`.
        """
        del rows
        self._store.check_place()
        now, state = time.monotonic(), self._store.log_state()
        if state != self._state:
            if self._written is None:
                self._since = now
            self._state, self._written = state, now
        if self._written is None:
            return False
        if now - self._written < self._quiet and now - self._since < self._longest and state[0] < LARGEST_LOG:
            return False
        done = False
        with suppress(Unavailable):
            done = self._store.write_log_back()
        self._state = self._store.log_state()
        # Where a reader was in the way, all is tried again later.
        self._written, self._since = (None, now) if done else (now + self._longest, now)
        return done
