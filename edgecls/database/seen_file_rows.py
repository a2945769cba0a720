"""Which files of a folder have their row, and in which state they were: what a restart need not read again."""

import time
from collections.abc import Generator
from contextlib import suppress

from edgecls.database.row_values import escape_surrogates
from edgecls.database.store import Store
from edgecls.errors import EdgeclsError, Unavailable

MAX_PENDING = 1000
"""Files of which nothing has been written yet, at most: so many are read again after a cut."""
FLUSH_AFTER_S = 10.0
"""The next file writes what has waited for so long."""

State = tuple[int, int, int]
"""(size, time of modification [ns], of the last change of its entry [ns])"""


class SeenFileRows:
    """The files of `source` in the database of `store`.

    A cache, written many files at a time: what it lacks is read again, and its key then tells that it has its row. Only
    files are told that still have one, so that rows removed by hand are made anew.
    """

    def __init__(self, store: Store, source: str) -> None:
        self._store, self._source = store, escape_surrogates(source)
        self._pending: dict[str, tuple[str, State] | None] = {}
        self._due = 0.0

    def take_known(self) -> Generator[tuple[str, State], None, None]:
        """Yield (key, state) of each file that has its row; none where the database does not answer."""
        with suppress(EdgeclsError), self._store.in_use():
            for key, *state in self._store.database.execute(_KNOWN, [self._source]):
                yield key, tuple(state)

    def has_row(self, key: str) -> bool:
        """Return whether a frame of this key has its row, or had one; False where the database does not answer."""
        with suppress(EdgeclsError):
            return self._store.has(self._source, key)
        return False

    def remember(self, name: str, key: str, state: State) -> None:
        """The row of that key is committed. Written with others, when they are many or one has waited for long.

        A disk that is full or a file that is held is left for the next time. Raises the other errors of `Store`.
        """
        self._note(name, (key, state))

    def forget(self, name: str) -> None:
        """The file is gone. Written, and raises, as `remember` does."""
        self._note(name, None)

    def _note(self, name: str, what: tuple[str, State] | None) -> None:
        now = time.monotonic()
        if not self._pending:
            self._due = now + FLUSH_AFTER_S
        self._pending[name] = what
        if len(self._pending) % MAX_PENDING == 0 or now >= self._due:
            self._due = now + FLUSH_AFTER_S
            with suppress(Unavailable):
                self.flush()

    def flush(self) -> None:
        """Write all, in one transaction. Raises the errors of `Store`."""
        if not self._pending:
            return
        # The keys of a file are its name, a number sign, and what tells its contents apart; "$" comes after "#".
        names = [(self._source, f"{escape_surrogates(name)}#", f"{escape_surrogates(name)}$") for name in self._pending]
        new = [(self._source, escape_surrogates(key), *state) for key, state in filter(None, self._pending.values())]
        with self._store.in_use(), self._store.database.atomic():
            self._store.database.conn.executemany(_FORGET, names)
            self._store.database.conn.executemany(_REMEMBER, new)
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
