"""Which frame is reviewed next, and which keys stand for which labels."""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import sqlite3
import string
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from edgecls.records import UNKNOWN
from edgecls.results.web.frames import Row, has_table
from edgecls.results.web.selection import UNREVIEWED, Selection
from edgecls.results.web.sparse import gather, spans

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

LOOKED_AT = 2000
"""The least sure of so many, the newest, comes first: of millions, looking at each would take seconds a frame."""

KEYS = "123456789" + string.ascii_lowercase


class Next(NamedTuple):
    """Ids of the frame to review and of the one after it (None: there is none), and how many are left of `LOOKED_AT`."""

    frame: int | None
    then: int | None
    left: int


async def next_frames(site: "Site", which: Selection, skipped: Row | None) -> Next:
    """The least sure first, those called unknown before all others; after the one `skipped`, if any."""
    stages = [f"label = '{UNKNOWN}'", f"label <> '{UNKNOWN}'"]
    if which.label:
        stages = ["label IS NOT NULL"]
    passed = skipped is not None and not which.label and skipped["label"] != UNKNOWN
    ids: list[int] = []
    for place, stage in enumerate(stages):
        if passed and not place:
            continue
        is_its_stage = skipped is not None and (place == passed)
        ids += await _stage(site, which, stage, skipped if is_its_stage else None)
        if len(ids) > 1:
            break
    return Next(ids[0] if ids else None, ids[1] if len(ids) > 1 else None, len(ids))


async def _stage(site: "Site", which: Selection, stage: str, skipped: Row | None) -> list[int]:
    conditions, values = which.conditions(has_reviews=True)
    conditions += [stage, *([] if which.unreviewed else [UNREVIEWED])]
    conditions.append("classified_at >= :first AND classified_at < :end")
    sql = f"""
        SELECT id, score FROM results WHERE {" AND ".join(conditions)}
        ORDER BY classified_at DESC, id DESC LIMIT :limit
    """
    found = await gather(site, sql, values, LOOKED_AT, await spans(site, which))
    order = sorted(_sureness(row) for row in found)
    return [row_id for score, row_id in order if not skipped or (score, row_id) > _sureness(skipped)]


def _sureness(row: Row | sqlite3.Row) -> tuple[float, int]:
    """The least sure first; of two, the older."""
    return (1.0 if row["score"] is None else row["score"]), row["id"]


async def said_so_far(site: "Site") -> list[str]:
    """The labels of all reviews, in the order in which they were first used."""
    if not await has_table(site, "reviews"):
        return []
    found = await site.results.execute("SELECT label FROM reviews GROUP BY label ORDER BY min(id)")
    return [row[0] for row in found.rows]


def keys(row: Row, said: Sequence[str]) -> list[tuple[str, str]]:
    """(key, label) for this frame. A key keeps its label from frame to frame, so that fingers can learn it.

    Where a model has more labels than there are keys, the digits are the frame's best guesses, and the letters what
    was said so far.
    """
    of_model = list(row["labels"] or [])
    everything = [*of_model, *(label for label in said if label not in of_model)]
    if len(everything) <= len(KEYS):
        return list(zip(KEYS, everything, strict=False))
    guesses = [each["label"] for each in row["top_k"][:9]]
    others = [label for label in said if label not in guesses]
    return [*zip(KEYS[:9], guesses, strict=False), *zip(string.ascii_lowercase, others, strict=False)]


def guess(row: Row) -> str | None:
    """What the model would say if it had to: the label, or for an unknown one its best."""
    if row["label"] != UNKNOWN:
        return str(row["label"])
    return str(row["top_k"][0]["label"]) if row["top_k"] else None
