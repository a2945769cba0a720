"""The rows of results as the pages show them, read through the site's database."""

# ruff: noqa: S608  # statements are put together from constants; values are parameters

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecls.results.web.selection import Selection
from edgecls.results.web.sparse import FOREVER, gather, spans

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

Row = dict[str, Any]

_ROW = """results.id, results.source, results.key, results.path, classified_at, results.label, results.score, error,
    CASE WHEN json_valid(top_k) THEN json_extract(top_k, '$[0].label') END AS guess"""
_WHOLE = """
    SELECT results.*, runs.config, runs.device, runs.version, runs.started_at, models.name AS model, models.sha256,
           models.labels
    FROM results JOIN runs ON runs.id = run_id JOIN models ON models.id = model_id WHERE results.id = :id
"""


class Place(NamedTuple):
    """Where a row stands: they are shown by time, and by id where two have the same."""

    classified_at: str
    id: int

    @classmethod
    def of(cls, row: Row) -> "Place":
        """Of a row."""
        return cls(row["classified_at"], row["id"])

    @classmethod
    def read(cls, text: str | None) -> "Place | None":
        """What `str` wrote; None for anything else."""
        at, _, number = (text or "").rpartition(",")
        return cls(at, int(number)) if at and number.isdecimal() and len(number) < 19 else None

    def __str__(self) -> str:
        return f"{self.classified_at},{self.id}"


async def has_table(site: "Site", name: str) -> bool:
    """Whether the database has this table: not where an older edgecls wrote it, and nobody has written since."""
    found = await site.results.execute("SELECT 1 FROM sqlite_master WHERE name = :name", {"name": name})
    return bool(found.rows)


async def select(
    site: "Site", which: Selection, limit: int, *, before: Place | None = None, after: Place | None = None
) -> list[Row]:
    """At most `limit` rows, newest first: the newest of all, those next `before` a place, or those next `after` it."""
    reviewed = await has_table(site, "reviews")
    conditions, values = which.conditions(has_reviews=reviewed)
    if place := before or after:
        conditions.append(f"(classified_at, results.id) {'<' if before else '>'} (:at, :row)")
        values |= {"at": place.classified_at, "row": place.id}
    conditions.append("classified_at >= :first AND classified_at < :end")
    direction = "ASC" if after and not before else "DESC"
    where = await spans(site, which) if await has_table(site, "hourly_counts") else [FOREVER]
    review = "(SELECT label FROM reviews AS r WHERE (r.source, r.key) = (results.source, results.key))"
    found = await gather(
        site,
        f"SELECT {_ROW}, {review if reviewed else 'NULL'} AS review FROM results WHERE {' AND '.join(conditions)} "
        f"ORDER BY classified_at {direction}, results.id {direction} LIMIT :limit",
        values,
        limit,
        where if direction == "DESC" else where[::-1],
    )
    rows = [dict(row) for row in found]
    return rows[::-1] if direction == "ASC" else rows


async def whole(site: "Site", row_id: int) -> Row | None:
    """All there is of a row, its run and its model; JSON is parsed. None if there is no such row."""
    if row_id >= 2**63:
        return None
    found = (await site.results.execute(_WHOLE, {"id": row_id})).first()
    if found is None:
        return None
    row = dict(found)
    for column in ("top_k", "config", "votes", "labels"):
        row[column] = json.loads(row.get(column) or "null")
    row["review"] = None
    if await has_table(site, "reviews"):
        review = await site.results.execute(
            "SELECT label FROM reviews WHERE source = :source AND key = :key",
            {key: row[key] for key in ("source", "key")},
        )
        row["review"] = review.first()[0] if review.rows else None
    return row


def picture_url(site: "Site", row: Row, kind: str = "picture") -> str | None:
    """Where the picture of a row is ("picture", or a "thumbnail"); None for a row without a file.

    What the address ends in is of the content: browsers may keep a picture though another database has a row of
    this number too.
    """
    if not row["path"]:
        return None
    content = hashlib.blake2b(f"{row['source']}\0{row['key']}".encode(), digest_size=6).hexdigest()
    return str(site.urls.path(f"/{kind}/{row['id']}.jpg?of={content}"))
