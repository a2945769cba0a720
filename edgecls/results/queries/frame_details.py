"""Everything that the database has about one frame, and the reviews of some."""

import json
from collections.abc import Sequence

from sqlite_utils import Database

from edgecls.results.queries.rows import Row


def read_frame(db: Database, row_id: int) -> Row | None:
    """Return the row with its run, model and review (a label or None), JSON parsed; None if there is no such row."""
    if row_id >= 2**63:
        return None
    cursor = db.execute(_FRAME, {"id": row_id})
    values = cursor.fetchone()
    if values is None:
        return None
    frame = dict(zip((column[0] for column in cursor.description), values, strict=True))
    for column in ("top_k", "config", "votes", "labels"):
        frame[column] = json.loads(frame[column] or "null")
    return add_reviews(db, [frame])[0]


_FRAME = """
    SELECT results.*, runs.config, runs.device, runs.version, runs.started_at, models.name AS model, models.sha256,
           models.labels
    FROM results JOIN runs ON runs.id = run_id JOIN models ON models.id = model_id WHERE results.id = :id
"""


def add_reviews(db: Database, rows: Sequence[Row]) -> list[Row]:
    """Return `rows` with a column `review`: the label of the review, or None."""
    return [{**row, "review": _review(db, row)} for row in rows]


def _review(db: Database, row: Row) -> str | None:
    values = db.execute(
        "SELECT label FROM reviews WHERE source = ? AND key = ?", (row["source"], row["key"])
    ).fetchone()
    return None if values is None else str(values[0])
