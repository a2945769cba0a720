"""The order of frames to review, and the keys of the labels."""

import string
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlite_utils import Database

from edgecls.records import UNKNOWN
from edgecls.results.queries.filters import Filters
from edgecls.results.queries.rows import Row, find_rows

CANDIDATES = 2000
"""The least certain of this many newest frames comes first: to read all of millions would take seconds a frame."""

KEYS = "123456789" + string.ascii_lowercase


class Queue(NamedTuple):
    """The ids of the next frame and of the one after it (None: there is none), and the frames left of CANDIDATES."""

    next_id: int | None
    following_id: int | None
    left: int


def next_frames(db: Database, filters: Filters, skipped: Row | None) -> Queue:
    """Return the queue after the frame `skipped`: unknown frames first, and of each kind the least certain first."""
    filters = replace(filters, unreviewed=True, limit=CANDIDATES)
    stages = [filters] if filters.labels else [replace(filters, unknown=True), replace(filters, decided=True)]
    current = 0 if skipped is None or skipped["label"] == UNKNOWN else len(stages) - 1
    ids: list[int] = []
    for number, stage in enumerate(stages[current:]):
        order = sorted(map(_certainty, find_rows(db, stage, columns=("id", "score"))))
        after = _certainty(skipped) if skipped is not None and not number else (-1.0, 0)
        ids += [row_id for score, row_id in order if (score, row_id) > after]
        if len(ids) > 1:
            break
    return Queue(ids[0] if ids else None, ids[1] if len(ids) > 1 else None, len(ids))


def _certainty(row: Row) -> tuple[float, int]:
    """Return the sort key: the lowest score first, and of equal scores the older row."""
    return (1.0 if row["score"] is None else row["score"]), row["id"]


def used_labels(db: Database) -> list[str]:
    """Return the labels of all reviews, in the order in which they were first used."""
    return [label for (label,) in db.execute("SELECT label FROM reviews GROUP BY label ORDER BY min(id)")]


def label_keys(row: Row, used: Sequence[str]) -> list[tuple[str, str]]:
    """Return (key, label) pairs for this frame. A key keeps its label from frame to frame, so that fingers learn it.

    If the model has more labels than there are keys, the digits are the best guesses for this frame, and the letters
    are the labels used in reviews so far.
    """
    of_model = list(row["labels"] or [])
    labels = [*of_model, *(label for label in used if label not in of_model)]
    if len(labels) <= len(KEYS):
        return list(zip(KEYS, labels, strict=False))
    guesses = [guess["label"] for guess in row["top_k"][:9]]
    others = [label for label in used if label not in guesses]
    return [*zip(KEYS[:9], guesses, strict=False), *zip(string.ascii_lowercase, others, strict=False)]
