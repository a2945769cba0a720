"""Reading rows of results: by time through an index, or sorted by another column."""

# ruff: noqa: S608  # statements are built from constants; values are parameters

import itertools
import json
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlite_utils import Database

from edgecls.database.clock.segments import suspect_time_sql
from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import UsageError
from edgecls.results.queries.filters import EFFECTIVE_LABEL, NO_FILTERS, Filters, Parameters, where
from edgecls.results.queries.interval import interval_of
from edgecls.results.queries.search import Search

Row = dict[str, Any]

COLUMNS = (
    "id", "run_id", "model", "device", "source", "key", "path", "captured_at", "classified_at", "label", "score", "top_k",
    "decode_ms", "infer_ms", "error", "votes", "clock",
)  # fmt: skip
SORTABLE = tuple(column for column in COLUMNS if column not in ("top_k", "votes", "model", "device"))

PAGE = 1000
"""Rows read at a time: a few milliseconds."""
FIRST_PAGE = 100
FEW_MATCHES = 10_000
"""Up to this many matches of a search are sorted; with more, rows are read by time and each page is searched."""


class Position(NamedTuple):
    """The place of a row in the order of time; of rows with one time, the id decides."""

    classified_at: str
    id: int


def find_rows(
    db: Database,
    filters: Filters = NO_FILTERS,
    order: str = "newest",
    *,
    columns: Sequence[str] = COLUMNS,
    after: Position | None = None,
) -> Iterator[Row]:
    """Yield the rows that match `filters`, as dicts of `columns`.

    Rows are read a page at a time, and no read transaction is open between two pages: a slow reader does not keep the
    write-ahead log from being emptied. Rows written meanwhile are not returned.

    Args:
        db: A database opened for reading.
        filters: What a row must match.
        order: `newest` or `oldest` first, or a column of SORTABLE, in descending order after a `-`; nulls come last.
        columns: What to read, of COLUMNS. `top_k` is a list of {"label", "score"}, best first; `votes` is {label:
            count} or None; `clock` is "suspect" where the times come from a clock that was wrong, else None.
        after: Start after this position; only for the orders by time.

    Raises:
        UsageError: The order is unknown, or `search` contains no word.
        BadDatabase: The file is damaged.
    """
    with translate_errors(database_path(db)):
        query = RowQuery(db, filters, columns)
        if order in ("newest", "oldest"):
            rows = query.by_time(newest_first=order == "newest", after=after)
        else:
            rows = query.sorted_by(order)
        yield from itertools.islice(rows, filters.limit)


class RowQuery:
    """A query for the rows that match `filters`."""

    def __init__(self, db: Database, filters: Filters, columns: Sequence[str] = COLUMNS) -> None:
        self._db, self._filters, self._columns = db, filters, columns
        self._where, self._parameters = where(db, filters)
        self._search = None if filters.search is None else Search(db, filters.search)
        (self._last_id,) = db.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()
        expressions = _EXPRESSIONS | ({"clock": suspect_time_sql(db)} if "clock" in columns else {})
        selected = ", ".join(["results.id", "classified_at", *(expressions.get(name, name) for name in columns)])
        self._select = f"SELECT {selected} {_FROM}"

    def by_time(self, *, newest_first: bool, after: Position | None = None) -> Iterator[Row]:
        """Yield the matching rows in the order of time, along an index; each page starts after the last row."""
        matches = None if self._search is None else self._search.ids(limit=FEW_MATCHES)
        if matches is not None:
            yield from self._by_ids(self._sorted_ids("classified_at", newest_first, matches))
            return
        begin, end = self._filters.from_time, self._filters.to_time
        if not self._filters.are_indexed:
            begin, end = interval_of(self._db, self._filters, self._search)
        bound, position = ("classified_at >= :begin", Position(end, -1)) if newest_first else (
            "classified_at < :end", Position(begin, -1))  # fmt: skip
        position = position if after is None else (min if newest_first else max)(position, after)
        comparison, direction = ("<", "DESC") if newest_first else (">", "ASC")
        sql = f"""{self._select} WHERE {self._where} AND {bound} AND results.id <= :last_id
            AND (classified_at, results.id) {comparison} (:at, :id)
            ORDER BY classified_at {direction}, results.id {direction} LIMIT :page"""
        size = FIRST_PAGE
        while True:
            page = self._fetch(sql, begin=begin, end=end, at=position.classified_at, id=position.id, page=size)
            yield from self._rows(page)
            if len(page) < size:
                return
            position, size = Position(page[-1][1], page[-1][0]), PAGE

    def sorted_by(self, order: str) -> Iterator[Row]:
        """Yield the matching rows in the order of a column."""
        column = order.removeprefix("-")
        if column not in SORTABLE:
            raise UsageError(f"unknown --order {order} (known: newest, oldest, {', '.join(SORTABLE)}, or one with -)")
        matches = None if self._search is None else self._search.ids()
        yield from self._by_ids(self._sorted_ids(column, order.startswith("-"), matches))

    def by_id(self, after_id: int, last_id: int) -> Iterator[list[Row]]:
        """Yield the matching rows with ids above `after_id`, up to `last_id`, in pages in the order of writing."""
        sql = f"""{self._select} WHERE {self._where} AND results.id > :after AND results.id <= :last
            AND +classified_at >= :begin AND +classified_at < :end ORDER BY results.id LIMIT :page"""
        times = {"begin": self._filters.from_time, "end": self._filters.to_time}
        while page := self._fetch(sql, after=after_id, last=last_id, page=PAGE, **times):
            if rows := list(self._rows(page)):
                yield rows
            after_id = page[-1][0]

    def _sorted_ids(self, column: str, descending: bool, matches: Sequence[int] | None) -> Sequence[int]:
        """Return the ids in the order of `column`: 8 bytes a row, where the rows of a large database are gigabytes."""
        direction = "DESC" if descending else "ASC"
        column = "results.id" if column == "id" else column
        among = "" if matches is None else "results.id IN (SELECT value FROM json_each(:matches)) AND"
        sql = f"""SELECT results.id FROM results WHERE {among} {self._where} AND classified_at >= :begin
            AND classified_at < :end AND results.id <= :last_id
            ORDER BY {column} IS NULL, {column} {direction}, results.id {direction} LIMIT :limit"""
        limit = -1 if self._filters.limit is None else self._filters.limit
        times = {"begin": self._filters.from_time, "end": self._filters.to_time}
        return array("q", (row[0] for row in self._execute(sql, matches=json.dumps(matches), limit=limit, **times)))

    def _by_ids(self, ids: Sequence[int]) -> Iterator[Row]:
        sql = f"{self._select.replace('FROM results', _FROM_LISTED)} ORDER BY listed.key"
        for start in range(0, len(ids), PAGE):
            page = self._fetch(sql, ids=json.dumps(list(ids[start : start + PAGE])))
            yield from map(self._row, page)

    def _rows(self, page: Sequence[tuple[Any, ...]]) -> Iterator[Row]:
        """Yield the rows of a page that contain the words of the search."""
        if self._search is None:
            return map(self._row, page)
        matching = self._search.matching([values[0] for values in page])
        return (self._row(values) for values in page if values[0] in matching)

    def _row(self, values: tuple[Any, ...]) -> Row:
        row = dict(zip(self._columns, values[2:], strict=True))
        for name in row.keys() & {"top_k", "votes"}:
            row[name] = None if row[name] is None else json.loads(row[name])
        return row

    def _fetch(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._execute(sql, **parameters).fetchall()
        return rows

    def _execute(self, sql: str, **parameters: Any) -> Any:
        all_parameters: Parameters = {**self._parameters, "last_id": self._last_id, **parameters}
        return self._db.execute(sql, all_parameters)


_FROM = "FROM results CROSS JOIN runs ON runs.id = run_id CROSS JOIN models ON models.id = model_id"
_FROM_LISTED = "FROM json_each(:ids) AS listed CROSS JOIN results ON results.id = listed.value"
_EXPRESSIONS = {
    "id": "results.id", "model": "models.name", "source": "results.source", "key": "results.key", "path": "results.path",
    "label": EFFECTIVE_LABEL,
}  # fmt: skip
"""Column -> SQL expression, where it is not its name."""
