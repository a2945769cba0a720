"""Delete old rows, a few at a time, so that a database that is written for years keeps its size."""

import time
from datetime import datetime, timedelta, timezone

from edgecls.database.clock.system_clock import SYSTEM_CLOCK, UNSET_BEFORE, SystemClock
from edgecls.database.store import Store
from edgecls.database.timestamps import format_timestamp, parse_timestamp
from edgecls.errors import Unavailable

BATCH = 200
"""Rows deleted in one transaction: some milliseconds, and some hundred pages of the log."""
EVERY_S = 60.0
"""Look for old rows this often; while there is more than a batch, at every call."""

_RECENT_ROWS = 1000
"""Rows whose times the clock is compared with at the start; reading them takes a few milliseconds."""


class Retention:
    """Delete rows of `store` older than `days`, and all but the `most` newest; None sets no such limit.

    Newest and oldest are by order of writing, which a wrong clock does not change. `days` count from `classified_at`, and only
    while `clock` is trusted. Rows of a clock that was never set have no known age: they are deleted with the rows written after
    them. A row whose saved frame still exists stays until the frame is deleted, which has limits of its own.

    With `remember`, the source and key of a deleted row, and whether it had an error, stay in `pruned_keys`. This is for sources
    whose files stay where they are: otherwise a file without a row would be classified again.
    """

    def __init__(
        self,
        store: Store,
        *,
        days: int | None,
        most: int | None,
        remember: bool,
        every: float = EVERY_S,
        clock: SystemClock = SYSTEM_CLOCK,
    ) -> None:
        self._store = store
        self._age = None if days is None else timedelta(days=days)
        self._most = most
        self._remember = remember
        self._every = every
        self._due = 0.0
        self._clock = clock
        with store.access() as db:
            times = db.execute(_RECENT_TIMES, (_RECENT_ROWS,)).fetchall()
        clock.check_continuity([parse_timestamp(at) for (at,) in times])

    def prune(self) -> int:
        """Delete at most a batch of rows, in one transaction; return how many. Call it after each commit.

        Most calls only look at the time. If the database is unavailable, the next call tries again. Raises the other errors of
        `Store`.
        """
        if (self._age is None and self._most is None) or time.monotonic() < self._due:
            return 0
        try:
            deleted = self._delete_batch()
        except Unavailable:
            deleted = 0
        self._due = 0.0 if deleted == BATCH else time.monotonic() + self._every
        return deleted

    def _delete_batch(self) -> int:
        with self._store.access() as db:
            expired = self._expired_ids()
            if expired:
                with db.atomic():
                    if self._remember:
                        db.conn.executemany(_REMEMBER, expired)
                    db.conn.executemany(_DELETE, expired)
        return len(expired)

    def _expired_ids(self) -> list[tuple[int]]:
        """Return the ids of at most a batch of rows, as parameters of a statement."""
        db = self._store.database
        expired: list[tuple[int]] = []
        if self._most is not None:
            expired += db.execute(_TOO_MANY, (self._most, BATCH)).fetchall()
        if self._age is not None and self._clock.is_trusted():
            unset, oldest = format_timestamp(UNSET_BEFORE), format_timestamp(datetime.now(timezone.utc) - self._age)
            old = db.execute(_TOO_OLD, (unset, oldest, BATCH)).fetchall()
            expired += old
            if old:
                expired += db.execute(_UNDATED, (unset, max(old)[0], BATCH)).fetchall()
        return sorted(set(expired))[:BATCH]


# By the highest id, not by count(*), which would read a whole index: ids are assigned in order, without gaps.
_TOO_MANY = """
    SELECT id FROM results
    WHERE id <= (SELECT max(id) FROM results) - ? AND saved_bytes IS NULL ORDER BY id LIMIT ?
"""
_TOO_OLD = """
    SELECT id FROM results
    WHERE classified_at >= ? AND classified_at < ? AND saved_bytes IS NULL ORDER BY classified_at LIMIT ?
"""
_UNDATED = "SELECT id FROM results WHERE classified_at < ? AND id < ? AND saved_bytes IS NULL LIMIT ?"
_RECENT_TIMES = "SELECT classified_at FROM results ORDER BY id DESC LIMIT ?"
_REMEMBER = """
    INSERT INTO pruned_keys (source, key, failed)
    SELECT source, key, error IS NOT NULL FROM results WHERE id = ?
    ON CONFLICT (source, key) DO NOTHING
"""
_DELETE = "DELETE FROM results WHERE id = ?"
