"""Rows of a results database that was opened for reading."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.results.queries.filters import NO_FILTERS, Filters
from edgecls.results.queries.finding import COLUMNS, Finding, Raw

Row = dict[str, Any]


def find_rows(db: Database, which: Filters = NO_FILTERS, order: str = "newest") -> Iterator[Row]:
    """The rows that `which` asks for, as dicts of COLUMNS; read as they are iterated over.

    `order`: `newest` first, `oldest` first, or a column but `top_k` and `votes`, with `-` before it from its highest
    value down; nulls come last. `top_k` is parsed: a list of {"label", "score"}, best first; so is `votes`, {label:
    count}, or None. `clock` is "suspect" where the clock was wrong when the row was written, else None.

    Rows are read a page at a time, and between two pages nothing is held: whoever takes days over the rows does not
    keep the writer's log from being emptied. Rows written meanwhile are not among those found.

    Raises:
        UsageError: there is no such order, or no word in `search`.
        BadDatabase: the file turns out damaged.
    """
    with translate_errors(database_path(db)):
        yield from map(parsed, itertools.islice(Finding(db, which).rows(order), which.limit))


def parsed(row: Raw) -> Row:
    """What `find` yields of a row as the database has it."""
    found = dict(zip(COLUMNS, row, strict=True))
    found["top_k"] = json.loads(found["top_k"])
    found["votes"] = None if found["votes"] is None else json.loads(found["votes"])
    return found
