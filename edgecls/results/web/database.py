"""The results database as Datasette sees it: read-only, and opened anew for each question."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from datasette.database import Database

from edgecls.database.reading import open_results

if TYPE_CHECKING:
    from datasette.app import Datasette

QUESTIONS_AT_ONCE = 3

T = TypeVar("T")


class ResultsDatabase(Database):  # type: ignore[misc]  # Datasette has no types
    """Answers from a thread, at most QUESTIONS_AT_ONCE at a time.

    A connection lives for one question. That costs a millisecond, and a file that was set aside as damaged and begun
    anew is seen at once; one opened while nobody wrote, and therefore without a log (see `open_results`), does not
    go on being read so once somebody does.
    """

    def __init__(self, datasette: "Datasette", path: Path) -> None:
        super().__init__(datasette, str(path), is_mutable=True)
        self._turns = asyncio.Semaphore(QUESTIONS_AT_ONCE)

    async def execute_fn(self, fn: Callable[[Any], T]) -> T:
        """What `fn` returns, called with a connection; in another thread."""

        def in_thread() -> T:
            with closing(open_results(self.path)) as db:
                self.ds._prepare_connection(db.conn, self.name)  # noqa: SLF001  # so does Datasette's own
                return fn(db.conn)

        async with self._turns:
            return await asyncio.to_thread(in_thread)

    async def execute_write_fn(self, fn: Callable[[Any], Any], block: bool = True) -> Any:  # noqa: ARG002
        """Refused: there is one way to write, `reviews`."""
        raise PermissionError("the database is served read-only")

    def connect(self, write: bool = False) -> Any:  # noqa: ARG002
        """Refused: `execute_fn` opens and closes."""
        raise PermissionError("the database is asked through execute_fn")
