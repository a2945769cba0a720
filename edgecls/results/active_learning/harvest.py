"""The rows whose images are most worth labelling, in order.

On frames like its training images, a model gains most from those that it is unsure of (Lewis and Gale, "A Sequential
Algorithm for Training Text Classifiers", 1994; by the margin between the two best labels: Scheffer et al., "Active
Hidden Markov Models for Information Extraction", 2001). On frames unlike them it gains more from typical ones (Hacohen
et al., "Active Learning on a Budget", 2022), which a random sample finds. The random sample also shows how often the
model is right.
"""

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.records import UNKNOWN
from edgecls.results.queries.filters import NO_FILTERS, Filters, where

Reason = Literal["random", "rare label", "unknown", "low margin"]

RANDOM: Reason = "random"
"""Drawn at random from all candidates."""

RARE_SHARE = 0.2
"""The highest share of frames with rare labels among those that are not drawn at random."""
RARE_LIMIT = 0.25
"""A label is rare if the model answers with it less often than this, as a share of the mean over all labels."""
SPARE_FACTOR = 4
"""More rows are ranked than requested, by this factor: images may be missing, or look like others."""


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """The requested sample of frames.

    Attributes:
        budget: The highest number of frames.
        random_share: The share of them that is drawn at random, 0 to 1.
        per_label: The highest number of frames of a label, unless the random sample has more; None for no limit.
        seed: The seed of the random sample.
    """

    budget: int = 100
    random_share: float = 0.5
    per_label: int | None = None
    seed: int = 0

    @property
    def random_count(self) -> int:
        """The number of frames to draw at random."""
        return round(self.budget * self.random_share)

    @property
    def rare_count(self) -> int:
        """The highest number of frames to select for their rare label."""
        return round((self.budget - self.random_count) * RARE_SHARE)


class Candidate(NamedTuple):
    """A row that may be selected.

    Attributes:
        id: The id of the row.
        label: The label, possibly `unknown`.
        guess: The label with the highest score.
        margin: The highest score minus the second highest, 0 to 1.
    """

    id: int
    label: str
    guess: str
    margin: float


def read_candidates(db: Database, filters: Filters = NO_FILTERS) -> Iterator[Candidate]:
    """Yield the matching rows that have an image and no review, by id; they are read one by one.

    `search` and `limit` of the filters are ignored.
    """
    conditions, parameters = where(db, replace(filters, unreviewed=True))
    sql = _CANDIDATES.format(conditions=conditions)
    parameters |= {"begin": filters.from_time, "end": filters.to_time}
    with translate_errors(database_path(db)):
        yield from map(Candidate._make, db.execute(sql, parameters))


# Most of the time is spent on parsing JSON, so the label is used where it is the guess.
GUESS = "CASE label WHEN 'unknown' THEN coalesce(json_extract(top_k, '$[0].label'), label) ELSE label END"
"""SQL: `Candidate.guess` of a row of `results`."""
MARGIN = "max(0, coalesce(score, 0) - coalesce(json_extract(top_k, '$[1].score'), 0))"
"""SQL: `Candidate.margin` of a row of `results`."""
_CANDIDATES = f"""
    SELECT results.id, label, {GUESS}, {MARGIN}
    FROM results
    WHERE {{conditions}} AND +classified_at >= :begin AND +classified_at < :end
        AND label IS NOT NULL AND path IS NOT NULL
    ORDER BY results.id
"""  # noqa: S608 - constants


class RankedSamples(NamedTuple):
    """The ids of rows by reason, the most wanted first; more of them than will be selected."""

    random: list[int]
    rare: list[int]
    unsure: list[Candidate]


def rank_candidates(candidates: Iterable[Candidate], request: SampleRequest) -> RankedSamples:
    """Rank the candidates in a single pass, in memory that grows with the number of labels but not of candidates."""
    generator = random.Random(request.seed)
    drawn, counts = _LowestRanks(SPARE_FACTOR * request.budget), Counter[str]()
    capacity = SPARE_FACTOR * (request.budget if request.per_label is None else request.per_label)
    unsure: dict[str, _LowestRanks] = defaultdict(lambda: _LowestRanks(capacity))
    by_guess: dict[str, _LowestRanks] = defaultdict(lambda: _LowestRanks(SPARE_FACTOR * request.rare_count))
    for candidate in candidates:
        counts[candidate.guess] += 1
        drawn.offer((generator.random(),), candidate)
        rank = (candidate.label != UNKNOWN, candidate.margin)
        # Without a limit per label, one list for all labels is enough.
        unsure["" if request.per_label is None else candidate.guess].offer(rank, candidate)
        by_guess[candidate.guess].offer(rank, candidate)
    mean_count = sum(counts.values()) / max(len(counts), 1)
    rare_labels = [label for label, count in reversed(counts.most_common()) if count < RARE_LIMIT * mean_count]
    return RankedSamples(
        random=[candidate.id for _, candidate in drawn.ascending()],
        rare=[candidate.id for label in rare_labels for _, candidate in by_guess[label].ascending()],
        unsure=[candidate for _, candidate in heapq.merge(*(ranks.ascending() for ranks in unsure.values()))],
    )


class _LowestRanks:
    """The `capacity` candidates with the lowest ranks; of equal ranks, those with the lowest ids."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._heap: list[tuple[tuple[float, ...], int, Candidate]] = []
        """Ranks and ids are negated: the top of the heap is the candidate to replace next."""
        self._upper_bound: tuple[float, ...] = (math.inf,) if capacity else (-math.inf,)
        """The rank below which a candidate enters."""

    def offer(self, rank: tuple[float, ...], candidate: Candidate) -> None:
        """Add a candidate if its rank is low enough. Candidates must be offered by ascending id."""
        if rank >= self._upper_bound:  # true for nearly every one of many rows
            return
        entry = (tuple(-number for number in rank), -candidate.id, candidate)
        if len(self._heap) < self._capacity:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)
        if len(self._heap) == self._capacity:
            self._upper_bound = tuple(-number for number in self._heap[0][0])

    def ascending(self) -> list[tuple[tuple[float, ...], Candidate]]:
        """Return (rank, candidate), the lowest rank first."""
        entries = ((tuple(-number for number in rank), candidate) for rank, _, candidate in self._heap)
        return sorted(entries, key=lambda entry: (entry[0], entry[1].id))
