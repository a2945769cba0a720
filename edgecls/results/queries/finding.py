"""How the rows of one question are found: through which index, and in pieces of which size."""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlite_utils import Database

from edgecls.database.clock.segments import suspect_time_sql
from edgecls.database.derived import are_tallied
from edgecls.errors import UsageError
from edgecls.records import UNKNOWN
from edgecls.results.queries.filters import DECIDED, Filters, conditions
from edgecls.results.queries.hours import Span, hours, spans
from edgecls.results.queries.ranking import Ranking, ranks
from edgecls.results.queries.search import Search

Raw = tuple[Any, ...]
"""The values of COLUMNS, as the database has them."""

COLUMNS = (
    "id", "run_id", "model", "device", "source", "key", "path", "captured_at", "classified_at", "label", "score", "top_k",
    "decode_ms", "infer_ms", "error", "votes", "clock",
)  # fmt: skip
"""What `find` yields, in this order."""


class Finding:
    """One question to the rows of `db`. What is not among the columns `wanted`, but for id and time, is None."""

    def __init__(self, db: Database, which: Filters, wanted: Sequence[str] = COLUMNS) -> None:
        self._db, self._which = db, which
        self._demands, self._values = conditions(db, which)
        self._search = None if which.search is None else Search(db, which.search)
        (self._last,) = db.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()
        known = {**_KNOWN, "clock": suspect_time_sql(db)}
        if "votes" not in db.table("results").columns_dict:  # not yet migrated: only read
            known["votes"] = "NULL"
        wanted = ("id", "classified_at", *wanted)
        columns = (known.get(name, name) if name in wanted else "NULL" for name in COLUMNS)
        self._columns = f"SELECT {', '.join(columns)} {_FROM} {_JOINED}"

    def rows(self, order: str) -> Iterator[Raw]:
        """All rows, in `order`."""
        column, descending = _ordering(order)
        if order not in ("newest", "oldest"):
            yield from self._by_ids(self._ranked(column, descending))
        elif self._search is not None:
            yield from self._searched(self._search, descending)
        elif self._is_decided_anew():
            yield from self._decided_anew(descending)
        else:
            for span in self._spans(newest_first=order == "newest"):
                yield from self._in_span(span, descending)

    def after(self, row_id: int, last: int, count: int) -> list[Raw]:
        """The first `count` rows with a higher id, up to `last`, in order of writing."""
        demands = self._demands
        if self._search is not None:
            demands += " AND results.id IN (SELECT value FROM json_each(:among))"
        within = "results.id > :after AND results.id <= :last AND +classified_at >= :begin AND +classified_at < :end"
        among = json.dumps(self._search and self._search.ids_between(row_id + 1, last))
        begin, end = self._which.from_time, self._which.to_time
        sql = f"{self._columns} WHERE {demands} AND {within} ORDER BY results.id LIMIT :count"
        return self._all(sql, after=row_id, last=last, count=count, among=among, begin=begin, end=end)

    def _ranked(self, column: str, descending: str) -> Sequence[int]:
        """The ids in the order of a column, nulls last."""
        if column == "score" and ranks(self._db, self._which, highest_first=bool(descending)):
            ranking = Ranking(self._db, self._which, self._last, highest_first=bool(descending))
            return ranking.ids(self._which.limit or 0)
        return self._ids(f"{column} IS NULL, {column} {descending}, results.id {descending}")

    def _is_decided_anew(self) -> bool:
        """Whether what labels rows had decides which can have the wanted ones now: these, and unknown."""
        labels = self._which.wanted_labels
        return self._which.threshold is not None and labels != () and UNKNOWN not in labels and are_tallied(self._db)

    def _decided_anew(self, descending: str) -> Iterator[Raw]:
        """Hour by hour: rows that are few there are found by the label they had, others by the time."""
        could_be = (*self._which.wanted_labels, UNKNOWN)
        for hour in hours(self._db, self._which, newest_first=bool(descending)):
            if hour.rows <= FEW:
                yield from self._by_ids(self._ids(_BY_TIME.format(way=descending), span=hour.span, had=could_be))
            else:
                yield from self._in_span(hour.span, descending)

    def _spans(self, *, newest_first: bool) -> Iterable[Span]:
        which = self._which
        has_index = len(which.wanted_labels) <= 1 and (which.threshold is None or not which.wanted_labels)
        if (has_index and which.min_score is None and "runs" not in self._values) or not are_tallied(self._db):
            return [(which.from_time, which.to_time)]
        return spans(self._db, which, newest_first=newest_first)

    def _in_span(self, span: Span, descending: str) -> Iterator[Raw]:
        """Page by page: the next one begins after the last row of this one."""
        begin, end = span
        bounds = _BACK if descending else _ON
        sql = (
            f"{self._columns} WHERE {self._demands} AND {bounds} ORDER BY {_BY_TIME.format(way=descending)} LIMIT :page"
        )
        place = (end if descending else begin, -1)
        size = FIRST_PAGE
        while True:
            page = self._all(sql, begin=begin, end=end, at=place[0], id=place[1], last=self._last, page=size)
            yield from page
            if len(page) < size:
                return
            place = (page[-1][_TIME], page[-1][_ID])
            size = PAGE

    def _searched(self, search: Search, descending: str) -> Iterator[Raw]:
        """Few rows are sorted by time, of many only those of an hour."""
        order = _BY_TIME.format(way=descending)
        found = search.ids(most=FEW)
        if found is not None:
            yield from self._by_ids(self._ids(order, among=found))
            return
        for hour in hours(self._db, self._which, newest_first=bool(descending)):
            first, last = hour.first_id, hour.last_id
            if first is None or last is None:
                first, last = self._db.execute(_IDS_OF_HOUR, hour.span).fetchone()
            if first is not None and (found := search.ids_between(first, last)):
                yield from self._by_ids(self._ids(order, among=found, span=hour.span))

    def _ids(
        self,
        order: str,
        among: Sequence[int] | None = None,
        span: Span | None = None,
        had: Sequence[str] = (),
    ) -> Sequence[int]:
        """In this order. Eight bytes a row: of ten million rows 80 MB, where the rows would be gigabytes.

        `among`: only of these; `span`: only then; `had`: only with one of these labels, whatever is decided now.
        """
        demands, begin_end = self._demands, span or (self._which.from_time, self._which.to_time)
        if among is None and self._search is not None:
            among = self._search.ids()
        if among is not None:
            demands = f"results.id IN (SELECT value FROM json_each(:among)) AND {demands}"
        if had:
            demands = f"label IN (SELECT value FROM json_each(:had)) AND {demands}"
        sql = f"SELECT results.id FROM results WHERE {demands} AND {_WITHIN} ORDER BY {order} LIMIT :limit"
        limit = -1 if self._which.limit is None else self._which.limit
        named = {"begin": begin_end[0], "end": begin_end[1], "last": self._last, "limit": limit}
        found = self._db.execute(sql, {**self._values, **named, "among": json.dumps(among), "had": json.dumps(had)})
        return array("q", (row for (row,) in found))

    def _by_ids(self, ids: Sequence[int]) -> Iterator[Raw]:
        for start in range(0, len(ids), PAGE):
            page = json.dumps(list(ids[start : start + PAGE]))
            yield from self._all(self._columns.replace(_FROM, _FROM_IDS) + _AS_LISTED, ids=page)

    def _all(self, sql: str, **named: Any) -> list[Raw]:
        return self._db.execute(sql, {**self._values, **named}).fetchall()


def _ordering(order: str) -> tuple[str, str]:
    """The column, and DESC or nothing."""
    if order in ("newest", "oldest"):
        return "classified_at", "DESC" if order == "newest" else ""
    name = order.removeprefix("-")
    if name not in ORDERED:
        raise UsageError(
            f"--order {order}: write newest, oldest, or one of {', '.join(ORDERED)}, with - to turn it round"
        )
    return _ORDERED_BY.get(name, name), "DESC" if order.startswith("-") else ""


FIRST_PAGE = 100
PAGE = 1000
"""Rows read at a time, some milliseconds; the first of them sooner."""
FEW = 5000
"""So many rows are sorted in some ten milliseconds."""

ORDERED = tuple(column for column in COLUMNS if column not in ("top_k", "votes", "model", "device"))
"""The columns that rows can be ordered by."""
_ORDERED_BY = {"id": "results.id"}

_ID, _TIME = COLUMNS.index("id"), COLUMNS.index("classified_at")
_FROM = "FROM results CROSS JOIN runs"
_FROM_IDS = "FROM json_each(:ids) AS listed CROSS JOIN results ON results.id = listed.value CROSS JOIN runs"
_JOINED = " ON runs.id = run_id CROSS JOIN models ON models.id = model_id"
_KNOWN = {
    "id": "results.id", "model": "models.name", "source": "results.source", "key": "results.key", "path": "results.path",
    "label": f"{DECIDED} AS decided",
}  # fmt: skip
"""Column -> what is selected for it, if that is not its name."""
_AS_LISTED = " ORDER BY listed.key"
_BY_TIME = "classified_at {way}, results.id {way}"
_WITHIN = "classified_at >= :begin AND classified_at < :end AND results.id <= :last"
_BACK = "classified_at >= :begin AND (classified_at, results.id) < (:at, :id) AND results.id <= :last"
_ON = "classified_at < :end AND (classified_at, results.id) > (:at, :id) AND results.id <= :last"
_IDS_OF_HOUR = "SELECT min(id), max(id) FROM results WHERE classified_at >= ? AND classified_at < ?"
