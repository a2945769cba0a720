"""The rows of the highest or the lowest scores among millions, without an index that knows the score.

The hourly_counts say between which scores their rows lie. Looked into, in the order of these bounds, are only those in which a
row may come before the ones that are found: some hundred of a year's hundred thousands.
"""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import heapq
import itertools
from collections.abc import Iterator
from typing import NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import read_transaction
from edgecls.database.derived import are_tallied
from edgecls.results.queries.counts import BIN
from edgecls.results.queries.filters import Filters, conditions
from edgecls.results.queries.hours import are_bounded, tally_demands

MOST = 5000
"""Rows that are worth it; of more, nearly every tally has some."""


def ranks(db: Database, which: Filters, *, highest_first: bool) -> bool:
    """Whether the hourly_counts lead to the first rows of `which`: few of them, and none hidden from the hourly_counts by a demand."""
    if which.limit is None or which.limit > MOST or which.search is not None:
        return False
    if which.wanted_labels and which.threshold is not None:
        return False
    return (highest_first or which.min_score is None) and are_tallied(db) and are_bounded(db)


class _Rank(NamedTuple):
    """What rows are ordered by; the least comes first."""

    is_null: bool
    score: float
    id: int


class _Tally(NamedTuple):
    """A row of `hourly_counts`, with the bounds that matter here."""

    score: float | None
    row_id: int
    run_id: int
    hour: str
    label: str
    bin: int


class Ranking:
    """The rows of `which` up to the id `last`, by score; of one score, by id; without a score, at the end."""

    def __init__(self, db: Database, which: Filters, last: int, *, highest_first: bool) -> None:
        self._db = db
        self._sign = -1 if highest_first else 1
        self._demands, values = conditions(db, which)
        self._values = {**values, "begin": which.from_time, "end": which.to_time, "up_to": last}
        demands, self._tally_values = tally_demands(db, which)
        self._tallies = _TALLIES.format(demands=demands, **(_HIGHEST if highest_first else _LOWEST))

    def ids(self, count: int) -> list[int]:
        """Of the first `count`."""
        with read_transaction(self._db):
            return [self._sign * rank.id for rank in itertools.islice(self._ranked(), count)]

    def _ranked(self) -> Iterator[_Rank]:
        """A row is the next one once no tally that is left can have one before it."""
        found: list[_Rank] = []
        for tally in self._in_order():
            best = self._rank(tally.score, tally.row_id)
            while found and found[0] <= best:
                yield heapq.heappop(found)
            for row_id, score in self._rows_of(tally):
                heapq.heappush(found, self._rank(score, row_id))
        while found:
            yield heapq.heappop(found)

    def _in_order(self) -> Iterator[_Tally]:
        """By the best that a row of theirs can be. The first are soon found; to sort all of them takes longer than the rest."""
        offset, page = 0, FIRST_PAGE
        while hourly_counts := self._db.execute(
            self._tallies, {**self._tally_values, "page": page, "offset": offset}
        ).fetchall():
            yield from map(_Tally._make, hourly_counts)
            offset, page = offset + page, page * 10

    def _rows_of(self, tally: _Tally) -> Iterator[tuple[int, float | None]]:
        # By the index of the labels; but there is an empty one in the hourly_counts where rows have none.
        label = "label = :of_label" if tally.label else "coalesce(label, '') = :of_label"
        values = {
            "of_run": tally.run_id, "of_hour": tally.hour, "after": f"{tally.hour}~", "of_label": tally.label, "of_bin": tally.bin,
        }  # fmt: skip
        return self._db.execute(_ROWS.format(label=label, demands=self._demands), {**self._values, **values})

    def _rank(self, score: float | None, row_id: int) -> _Rank:
        return _Rank(score is None, self._sign * (score or 0.0), self._sign * row_id)


FIRST_PAGE = 500
"""Tallies read at first."""

_LOWEST = {"score": "min_score", "row_id": "first_id", "way": ""}
_HIGHEST = {"score": "max_score", "row_id": "last_id", "way": "DESC"}
_TALLIES = """
    SELECT {score}, {row_id}, run_id, hour, label, bin FROM hourly_counts WHERE {demands}
    ORDER BY bin < 0, 1 {way}, 2 {way} LIMIT :page OFFSET :offset
"""
_ROWS = f"""
    SELECT id, score FROM results
    WHERE {{label}} AND classified_at >= :of_hour AND classified_at < :after AND run_id = :of_run AND {BIN} = :of_bin
        AND {{demands}} AND classified_at >= :begin AND classified_at < :end AND results.id <= :up_to
"""
