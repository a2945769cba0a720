"""Errors and warnings about a data set."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
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
    "depth",
    "class left out",
    "class not in every split",
]

SUMMARIES: Mapping[Kind, str] = {
    "undecodable": "files cannot be decoded and are left out",
    "two labels": "pictures have copies under different labels, and all these copies are left out: keep one of each",
    "duplicate left out": "pictures have copies in different splits, and all but one are left out",
    "duplicates": "pictures have copies in the same split",
    "separated group": "groups are separated by the given splits, which flatters the figures: put each into one split",
    "near duplicates": "images are nearly the same as one in another split, which flatters the figures: put each pair into "
    "one group",
    "nearly the same, two labels": "images are nearly the same as one with another label: check the labels",
    "imbalance": "classes are unequal",
    "few images": "classes have so few images that their figures mean little: add images",
    "depth": "images have an unusual range of values",
    "class left out": "classes are left out, because none of their images can be used for training",
    "class not in every split": "classes have no validation image or no test image: add images",
}
"""The message for several problems of one kind; their number comes before it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: a line that says what it is and what to do about it, and the images concerned, if it is of images."""

    kind: Kind
    message: str
    paths: tuple[Path, ...] = ()


def warn(problems: Iterable[Problem]) -> None:
    """Log one line for each kind of problem: the only one in full, or how many there are, and the first of them.

    With several of a kind, each is logged as a debug line.
    """
    kinds: dict[Kind, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.kind].append(problem)
    for kind, members in kinds.items():
        if len(members) == 1:
            log.warning("%s", members[0].message)
            continue
        first = f" (first: {' and '.join(map(str, members[0].paths[:2]))})" if members[0].paths else ""
        log.warning("%d %s%s; --verbose lists all", len(members), SUMMARIES[kind], first)
        for problem in members:
            log.debug("%s", problem.message)
