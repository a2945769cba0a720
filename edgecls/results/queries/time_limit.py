"""A limit to how long SQLite may work on a question."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlite_utils import Database

from edgecls.errors import QueryTimeout

_T = TypeVar("_T")

_STEPS_BETWEEN_LOOKS = 10_000  # of SQLite's virtual machine: less than a millisecond


class TimeLimit:
    """Interrupts what `db` does once its questions have taken `seconds` in all; None or 0 for no limit.

    Counted is the time inside `running` and `over`: not that of whoever reads the rows, who may take hours over a page.
    Ctrl-C interrupts too, which Python by itself would only notice once SQLite is done.
    """

    def __init__(self, db: Database, seconds: float | None) -> None:
        self._seconds = seconds or None
        self._left = seconds or float("inf")
        self._deadline = float("inf")
        db.conn.set_progress_handler(self._look, _STEPS_BETWEEN_LOOKS)

    def _look(self) -> bool:
        return time.monotonic() > self._deadline

    @contextmanager
    def running(self) -> Iterator[None]:
        """Raises QueryTimeout where the time runs out inside."""
        begun = time.monotonic()
        self._deadline = begun + self._left
        try:
            yield
        except Exception as error:
            if "interrupted" not in str(error):
                raise
            if time.monotonic() > self._deadline:
                raise self._complaint() from error
            raise KeyboardInterrupt from error  # raised within `_look`, and lost in SQLite
        finally:
            self._left -= time.monotonic() - begun
            self._deadline = float("inf")

    def over(self, rows: Iterable[_T]) -> Iterator[_T]:
        """`rows`, the time to get each counted."""
        iterator = iter(rows)
        while True:
            with self.running():
                row = next(iterator, None)
            if row is None:
                return
            yield row

    def _complaint(self) -> QueryTimeout:
        return QueryTimeout(
            f"stopped after {self._seconds:g} s: ask for less, or let --timeout give it more (0: no limit)"
        )
