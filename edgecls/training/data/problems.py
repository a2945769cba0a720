"""What is wrong, or doubtful, with a data set."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Literal

Kind = Literal[
    "undecodable",
    "two labels",
    "duplicate left out",
    "duplicates",
    "separated group",
    "near duplicates",
    "nearly the same, two labels",
    "imbalance",
    "few images",
    "depth",
    "class left out",
    "class not in every split",
]

SHOWN = 5
"""Problems of one kind that the terminal shows; the others are counted."""

SUMMARIES = {
    "near duplicates": "are nearly the same as one in another split, which flatters the figures: put each pair into one "
    "group",
    "nearly the same, two labels": "are nearly the same as one with another label: look whether the labels are right",
}
"""Kinds that the terminal shows in one line, whatever their number."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: a line that says what it is and what to do about it, and the images concerned, if it is of images."""

    kind: Kind
    message: str
    paths: tuple[Path, ...] = ()


def warn(problems: Iterable[Problem]) -> None:
    """Log problems by kind: a line for each of the first few, of different reasons, and how many more there are.

    Of the kinds in `SUMMARIES`, which may concern thousands of images, one line. The rest are debug lines.
    """
    kinds: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.kind].append(problem)
    for kind, members in kinds.items():
        shown = SHOWN
        if len(members) > 1 and (summary := SUMMARIES.get(kind)):
            first = " and ".join(map(str, members[0].paths))
            log.warning(
                "%d images %s; the first: %s; the report lists all, and so does --verbose", len(members), summary, first
            )
            shown = 0
        ordered = _by_occurrence(members)
        for problem in ordered[:shown]:
            log.warning("%s", problem.message)
        for problem in ordered[shown:]:
            log.debug("%s", problem.message)
        if len(members) > shown > 0:
            log.warning("%d more of this kind (%s), %d in all", len(members) - shown, kind, len(members))


def _by_occurrence(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems so that the first of each reason comes before the second of any."""
    occurrences: Counter[str] = Counter()
    ranks = []
    for problem in problems:
        reason = problem.message
        for path in problem.paths:
            reason = reason.replace(str(path), "")
        ranks.append(occurrences[reason])
        occurrences[reason] += 1
    return [problem for _, problem in sorted(zip(ranks, problems, strict=True), key=itemgetter(0))]
