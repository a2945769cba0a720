"""Which frames are the most worth labelling, in order.

On frames like those it was trained on, a model gains most from what it is unsure of (Lewis and Gale, "A Sequential
Algorithm for Training Text Classifiers", 1994; by the margin between the two best: Scheffer et al., "Active Hidden Markov
Models for Information Extraction", 2001). Of what it has hardly seen it gains more from what is typical (Hacohen et al.,
"Active Learning on a Budget", 2022), and that chance finds. What chance draws also says how often the model is right.
"""

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.reviews import has_reviews
from edgecls.results.queries.filters import NO_FILTERS, Filters, where

Reason = Literal["random", "rare label", "unknown", "low margin"]

RANDOM: Reason = "random"
"""Drawn by chance, from all rows alike."""

RARE_SHARE = 0.2
"""Of what is not drawn by chance, at most."""
RARE = 0.25
"""A label is rare that the model answers with less often than this share of an even part."""
SPARE = 4
"""Times as many as are wanted are kept in mind: images may be gone, or look like others."""


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """At most `budget` frames, the share `random_share` of them (0 to 1) by chance; `per_label`: at most so many of a label."""

    budget: int = 100
    random_share: float = 0.5
    per_label: int | None = None
    seed: int = 0

    @property
    def by_chance(self) -> int:
        """Frames."""
        return round(self.budget * self.random_share)

    @property
    def rare(self) -> int:
        """Frames."""
        return round((self.budget - self.by_chance) * RARE_SHARE)


class Candidate(NamedTuple):
    """A row: its prediction, the model's first guess (the label, unless that is `unknown`), and by how much that led.

    `margin` is the score of the first guess less that of the second, 0 to 1.
    """

    id: int
    label: str
    guess: str
    margin: float


def candidates(db: Database, which: Filters = NO_FILTERS) -> Iterator[Candidate]:
    """The rows of `which` with an image that nobody has reviewed yet, in the order of their ids; read as iterated over.

    Of the filters, all but `search` and `limit` counts.
    """
    demands, values = where(db, which)
    sql = _CANDIDATES.format(demands=demands, unseen=_UNSEEN if has_reviews(db) else "")
    with translate_errors(database_path(db)):
        yield from map(Candidate._make, db.execute(sql, {**values, "begin": which.from_time, "end": which.to_time}))


# Most of the time goes into JSON: it is looked into no more often than need be.
GUESS = "CASE label WHEN 'unknown' THEN coalesce(json_extract(top_k, '$[0].label'), label) ELSE label END"
MARGIN = "max(0, coalesce(score, 0) - coalesce(json_extract(top_k, '$[1].score'), 0))"
"""SQL, of a row of `results`: as of a Candidate."""
_CANDIDATES = f"""
    SELECT results.id, label, {GUESS}, {MARGIN}
    FROM results
    WHERE {{demands}} AND +classified_at >= :begin AND +classified_at < :end
        AND label IS NOT NULL AND path IS NOT NULL {{unseen}}
    ORDER BY results.id
"""  # noqa: S608 - constants
_UNSEEN = """
    AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.source = results.source AND reviews.key = results.key)
"""


class RankedSamples(NamedTuple):
    """Ids of rows by reason, what is wanted first: more than will be taken."""

    random: list[int]
    rare: list[int]
    unsure: list[Candidate]


def rank_candidates(found: Iterable[Candidate], request: SampleRequest) -> RankedSamples:
    """Look at each candidate once; what is remembered of them does not grow with their number, but with that of labels."""
    chance = random.Random(request.seed)
    drawn, counts = _Least(SPARE * request.budget), Counter[str]()
    most = SPARE * (request.budget if request.per_label is None else request.per_label)
    unsure: dict[str, _Least] = defaultdict(lambda: _Least(most))
    of_label: dict[str, _Least] = defaultdict(lambda: _Least(SPARE * request.rare))
    for each in found:
        counts[each.guess] += 1
        drawn.offer((chance.random(),), each)
        rank = (each.label != UNKNOWN, each.margin)
        # One list is enough where no label can have too many.
        unsure["" if request.per_label is None else each.guess].offer(rank, each)
        of_label[each.guess].offer(rank, each)
    even = sum(counts.values()) / max(len(counts), 1)
    rare = [label for label, count in reversed(counts.most_common()) if count < RARE * even]
    return RankedSamples(
        random=[each.id for _, each in drawn.best()],
        rare=[each.id for label in rare for _, each in of_label[label].best()],
        unsure=[each for _, each in heapq.merge(*(least.best() for least in unsure.values()))],
    )


class _Least:
    """The candidates of the lowest ranks offered; of equal ones the first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[tuple[float, ...], int, Candidate]] = []
        self._limit: tuple[float, ...] = (math.inf,) if most else (-math.inf,)
        """Only a lower rank is kept."""

    def offer(self, rank: tuple[float, ...], candidate: Candidate) -> None:
        """Candidates come in the order of their ids."""
        if rank >= self._limit:  # nearly always, of many rows
            return
        # A heap has its least at the top, and here that must be the first to go.
        entry = (tuple(-number for number in rank), -candidate.id, candidate)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)
        if len(self._heap) == self._most:
            self._limit = tuple(-number for number in self._heap[0][0])

    def best(self) -> list[tuple[tuple[float, ...], Candidate]]:
        """Least first."""
        found = ((tuple(-number for number in rank), candidate) for rank, _, candidate in self._heap)
        return sorted(found, key=lambda entry: (entry[0], entry[1].id))
