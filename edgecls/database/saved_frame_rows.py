"""Query the rows whose frames were saved as files."""

from collections.abc import Sequence

from edgecls.database.row_values import escape_surrogates
from edgecls.database.store import Store
from edgecls.records import SavedFrame


class SavedFrameRows:
    """The saved frames in the database of `store`; each query uses an index. Raises as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def after(self, row_id: int, count: int) -> list[SavedFrame]:
        """Return the first `count` saved frames with an id above `row_id`, oldest first; only committed rows."""
        return self._frames(f"{_FRAMES} AND id > ? ORDER BY id LIMIT ?", (row_id, count))

    def at(self, row_id: int) -> SavedFrame | None:
        """Return the saved frame of this row; None if it has none, or none any more."""
        return next(iter(self._frames(f"{_FRAMES} AND id = ?", (row_id,))), None)

    def last_label(self, source: str) -> str | None:
        """Return the label of the last frame of `source` that could be classified, or None."""
        with self._store.access() as db:
            row = db.execute(_LAST_LABEL, (escape_surrogates(source),)).fetchone()
        return None if row is None else str(row[0])

    def forget(self, row_ids: Sequence[int]) -> None:
        """Store that the files of these rows are gone: set `path` and `saved_bytes` to null, in one transaction."""
        with self._store.access() as db, db.atomic():
            db.conn.executemany(_FORGET, [(row_id,) for row_id in row_ids])

    def _frames(self, sql: str, values: tuple[int, ...]) -> list[SavedFrame]:
        with self._store.access() as db:
            return [SavedFrame(*row) for row in db.execute(sql, values)]


_FRAMES = """
    SELECT id, path, coalesce(label, ''), coalesce(score, 0.0), classified_at
    FROM results WHERE saved_bytes IS NOT NULL
"""
_LAST_LABEL = "SELECT label FROM results WHERE source = ? AND label IS NOT NULL ORDER BY id DESC LIMIT 1"
_FORGET = "UPDATE results SET path = NULL, saved_bytes = NULL WHERE id = ? AND saved_bytes IS NOT NULL"
