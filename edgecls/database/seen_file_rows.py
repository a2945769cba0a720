"""Store which files of a folder were classified, and their state then, so that a restart need not read them again."""

import time
from collections.abc import Generator
from contextlib import suppress

from edgecls.database.row_values import escape_surrogates
from edgecls.database.store import Store
from edgecls.errors import EdgeclsError, Unavailable

MAX_PENDING = 1000
"""Files not written yet, at most: these are read again after a power cut."""
FLUSH_AFTER_S = 10.0
"""The next file writes everything once a file has waited this long."""

Stamp = tuple[int, int, int]
"""(size [bytes], mtime [ns], ctime [ns])"""


class SeenFileRows:
    """The classified files of `source` in the database of `store`.

    This is a cache, written in batches: a file that it lacks is read again, and its key then shows that it has a row. Files
    whose row was deleted by hand are not returned, so that they are classified again.
    """

    def __init__(self, store: Store, source: str) -> None:
        self._store, self._source = store, escape_surrogates(source)
        self._pending: dict[str, tuple[str, Stamp] | None] = {}
        self._due = 0.0

    def take_known(self) -> Generator[tuple[str, Stamp], None, None]:
        """Yield (key, stamp) of each file that has a row; nothing if the database is unavailable."""
        with suppress(EdgeclsError), self._store.access() as db:
            for key, *stamp in db.execute(_KNOWN, [self._source]):
                yield key, tuple(stamp)

    def has_row(self, key: str) -> bool:
        """Return whether a frame of this key has a row or had one; False if the database is unavailable."""
        with suppress(EdgeclsError):
            return self._store.has(self._source, key)
        return False

    def remember(self, name: str, key: str, stamp: Stamp) -> None:
        """Store that the file has a committed row of that key; it is written later, together with others.

        If the database is unavailable, the next call tries again. Raises the other errors of `Store`.
        """
        self._add(name, (key, stamp))

    def forget(self, name: str) -> None:
        """Store that the file is gone. Writes and raises as `remember` does."""
        self._add(name, None)

    def _add(self, name: str, entry: tuple[str, Stamp] | None) -> None:
        now = time.monotonic()
        if not self._pending:
            self._due = now + FLUSH_AFTER_S
        self._pending[name] = entry
        if len(self._pending) % MAX_PENDING == 0 or now >= self._due:
            self._due = now + FLUSH_AFTER_S
            with suppress(Unavailable):
                self.flush()

    def flush(self) -> None:
        """Write all files that wait, in one transaction. Raises the errors of `Store`."""
        if not self._pending:
            return
        # The key of a file is NAME#DIGEST; "$" follows "#".
        names = [(self._source, f"{escape_surrogates(name)}#", f"{escape_surrogates(name)}$") for name in self._pending]
        new = [(self._source, escape_surrogates(key), *stamp) for key, stamp in filter(None, self._pending.values())]
        with self._store.access() as db, db.atomic():
            db.conn.executemany(_FORGET, names)
            db.conn.executemany(_REMEMBER, new)
        self._pending.clear()


_KNOWN = """
    SELECT key, size, modified_ns, changed_ns FROM seen_files AS seen
    WHERE source = ? AND (
        EXISTS (SELECT 1 FROM results WHERE results.source = seen.source AND results.key = seen.key)
        OR EXISTS (SELECT 1 FROM pruned_keys WHERE pruned_keys.source = seen.source AND pruned_keys.key = seen.key)
    )
"""
_FORGET = "DELETE FROM seen_files WHERE source = ? AND key >= ? AND key < ?"
_REMEMBER = """
    INSERT OR REPLACE INTO seen_files (source, key, size, modified_ns, changed_ns) VALUES (?, ?, ?, ?, ?)
"""
