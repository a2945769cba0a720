"""A limit on the time that SQLite spends on queries."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlite_utils import Database

from edgecls.errors import QueryTimeout

_T = TypeVar("_T")

_INSTRUCTIONS_BETWEEN_CHECKS = 10_000  # of SQLite's virtual machine: less than a millisecond


class TimeLimit:
    """Interrupts the queries of `db` once they have taken `seconds` in total; None or 0 for no limit.

    Only the time inside `running` and `over` counts, not the time that the caller takes to read the rows. Ctrl-C
    interrupts too, which Python would otherwise notice only after SQLite has finished.
    """

    def __init__(self, db: Database, seconds: float | None) -> None:
        self._seconds = seconds or None
        self._left = seconds or float("inf")
        self._deadline = float("inf")
        db.conn.set_progress_handler(self._is_over, _INSTRUCTIONS_BETWEEN_CHECKS)

    def _is_over(self) -> bool:
        return time.monotonic() > self._deadline

    @contextmanager
    def running(self) -> Iterator[None]:
        """Raise QueryTimeout if the time runs out inside."""
        started = time.monotonic()
        self._deadline = started + self._left
        try:
            yield
        except Exception as error:
            if "interrupted" not in str(error):
                raise
            if time.monotonic() > self._deadline:
                raise QueryTimeout(
                    f"the query took longer than {self._seconds:g} s: narrow it down, or raise --timeout (0: no limit)"
                ) from error
            raise KeyboardInterrupt from error  # raised in the progress handler, where SQLite discards it
        finally:
            self._left -= time.monotonic() - started
            self._deadline = float("inf")

    def over(self, rows: Iterable[_T]) -> Iterator[_T]:
        """Yield `rows`, counting the time that each takes to arrive."""
        iterator = iter(rows)
        while True:
            with self.running():
                row = next(iterator, None)
            if row is None:
                return
            yield row
