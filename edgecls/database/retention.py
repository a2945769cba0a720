"""Old rows go, a few at a time, so that a database that is written for years stays of one size."""

import time
from datetime import datetime, timedelta, timezone

from edgecls.database.clock.system_clock import SYSTEM_CLOCK, UNSET_BEFORE, SystemClock
from edgecls.database.store import Store
from edgecls.database.timestamps import format_timestamp, parse_timestamp
from edgecls.errors import Unavailable

BATCH = 200
"""Rows removed in one transaction: some milliseconds, and some hundred pages of the log."""
EVERY_S = 60.0
"""Look for old rows this often; while there are more than a batch of them, at every call."""

_LAST = 1000
"""Rows whose times the clock is compared with at the start: read in a few milliseconds."""


class Retention:
    """Removes rows of `store` older than `days`, and all but the `most` newest; None sets no such limit.

    Newest and oldest are by order of writing, which a clock that jumps does not change; `days` are by
    `classified_at`, and only while `clock` is to be believed. Rows of a clock that nobody had set have no known age: they
    go with those that were written after them. Two kinds of rows outlive their time: those whose saved frame is still there, until that goes
    (frames have budgets of their own); and with `remember` a row leaves its source, key and whether it failed in the
    table `pruned_keys`. That is for a source whose files stay where they are: without it a file that lost its row
    would be classified again.
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
        clock.check_continuity(self._last_times())

    def _last_times(self) -> list[datetime]:
        with self._store.in_use():
            rows = self._store.database.execute(_LAST_TIMES, (_LAST,)).fetchall()
        return [parse_timestamp(at) for (at,) in rows]

    def prune(self) -> int:
        """Remove at most a batch of rows, in one transaction; returns how many. To be called after each commit.

        Most calls only look at the clock. A disk that is full or a file that is held is left for the next time.
        Raises the other errors of `Store`.
        """
        if (self._age is None and self._most is None) or time.monotonic() < self._due:
            return 0
        try:
            removed = self._remove_batch()
        except Unavailable:
            removed = 0
        self._due = 0.0 if removed == BATCH else time.monotonic() + self._every
        return removed

    def _remove_batch(self) -> int:
        with self._store.in_use():
            doomed = self._doomed()
            if doomed:
                with self._store.database.atomic():
                    if self._remember:
                        self._store.database.conn.executemany(_REMEMBER, doomed)
                    self._store.database.conn.executemany(_REMOVE, doomed)
        return len(doomed)

    def _doomed(self) -> list[tuple[int]]:
        """Ids of at most a batch of rows, as parameters."""
        doomed: list[tuple[int]] = []
        if self._most is not None:
            doomed += self._store.database.execute(_TOO_MANY, (self._most, BATCH)).fetchall()
        if self._age is not None and self._clock.is_trusted():
            unset, oldest = format_timestamp(UNSET_BEFORE), format_timestamp(datetime.now(timezone.utc) - self._age)
            old = self._store.database.execute(_TOO_OLD, (unset, oldest, BATCH)).fetchall()
            doomed += old
            if old:
                doomed += self._store.database.execute(_UNDATED, (unset, max(old)[0], BATCH)).fetchall()
        return sorted(set(doomed))[:BATCH]


# By the highest id, not by count(*), which would read a whole index: ids are given in order, without gaps.
_TOO_MANY = """
    SELECT id FROM results
    WHERE id <= (SELECT max(id) FROM results) - ? AND saved_bytes IS NULL ORDER BY id LIMIT ?
"""
_TOO_OLD = """
    SELECT id FROM results
    WHERE classified_at >= ? AND classified_at < ? AND saved_bytes IS NULL ORDER BY classified_at LIMIT ?
"""
_UNDATED = "SELECT id FROM results WHERE classified_at < ? AND id < ? AND saved_bytes IS NULL LIMIT ?"
_LAST_TIMES = "SELECT classified_at FROM results ORDER BY id DESC LIMIT ?"
_REMEMBER = """
    INSERT INTO pruned_keys (source, key, failed)
    SELECT source, key, error IS NOT NULL FROM results WHERE id = ?
    ON CONFLICT (source, key) DO NOTHING
"""
_REMOVE = "DELETE FROM results WHERE id = ?"
