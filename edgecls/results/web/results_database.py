"""The results database as Datasette sees it: read-only, opened for each page."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeVar

import sqlite_utils
from datasette.app import Datasette
from datasette.database import Database

from edgecls.database.connection import read_transaction
from edgecls.database.reading import open_results
from edgecls.database.sqlite_errors import translate_errors
from edgecls.results.queries.time_limit import TimeLimit

MAX_CONCURRENT_READS = 3

T = TypeVar("T")


class ResultsDatabase(Database):  # type: ignore[misc]  # Datasette has no types
    """Reads in threads, at most MAX_CONCURRENT_READS at a time.

    A connection lives for one page, or for one query of Datasette's own pages. Opening takes a millisecond, and a file
    that was replaced because it was damaged is noticed at once; one that was opened without its log because nobody wrote to it
    (see `open_results`) is not read in that way after somebody does.
    """

    def __init__(self, datasette: Datasette, path: Path) -> None:
        super().__init__(datasette, str(path), is_mutable=True)
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def read(self, function: Callable[[sqlite_utils.Database], T]) -> T:
        """Return `function(db)`, called in a thread with a connection that reads one snapshot, within the time limit.

        Raises:
            QueryTimeout: The time limit of the site is over.
            BadDatabase, InputNotFound, IoFailed: As `open_results`.
        """

        def in_thread() -> T:
            with ExitStack() as stack:
                db = stack.enter_context(closing(open_results(self.path)))
                stack.enter_context(translate_errors(self.path))
                stack.enter_context(TimeLimit(db, self.ds.sql_time_limit_ms / 1000).running())
                stack.enter_context(read_transaction(db))
                return function(db)

        async with self._slots:
            return await asyncio.to_thread(in_thread)

    async def execute_fn(self, fn: Callable[[Any], T]) -> T:
        """Return `fn(connection)`, called in a thread: how Datasette's own pages read."""

        def in_thread() -> T:
            with closing(open_results(self.path)) as db:
                self.ds._prepare_connection(db.conn, self.name)  # noqa: SLF001  # so does Datasette's own
                return fn(db.conn)

        async with self._slots:
            return await asyncio.to_thread(in_thread)

    async def execute_write_fn(self, fn: Callable[[Any], Any], block: bool = True) -> Any:  # noqa: ARG002
        """Refuse to write: only `Reviews` does."""
        raise PermissionError("the database is served read-only")

    def connect(self, write: bool = False) -> Any:  # noqa: ARG002
        """Refuse to connect: `read` and `execute_fn` open and close."""
        raise PermissionError("the database is read through execute_fn")
