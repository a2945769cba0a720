"""What is wrong, or doubtful, with a data set."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
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
    "class left out",
    "class not in every split",
]

SHOWN = 5
"""Problems of one kind that the terminal shows; the others are counted."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: a line that says what it is and what to do about it, and the images concerned, if it is of images."""

    kind: Kind
    message: str
    paths: tuple[Path, ...] = ()


def warn(problems: Iterable[Problem]) -> None:
    """Log a line for each problem: of every kind the first few, and how many more there are."""
    kinds: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.kind].append(problem)
    for kind, found in kinds.items():
        for problem in found[:SHOWN]:
            log.warning("%s", problem.message)
        if len(found) > SHOWN:
            log.warning("%d more of this kind (%s), %d in all", len(found) - SHOWN, kind, len(found))
