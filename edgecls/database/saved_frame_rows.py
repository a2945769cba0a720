"""The rows whose frames were saved as files: what `device.saved_frames` asks of the database."""

from collections.abc import Sequence

from edgecls.database.row_values import escape_surrogates
from edgecls.database.store import Store
from edgecls.records import SavedFrame


class SavedFrameRows:
    """Questions to an open `store`, each answered from an index. Raises as `Store` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def after(self, row_id: int, count: int) -> list[SavedFrame]:
        """The first `count` saved frames with a higher id than `row_id`, oldest first; only committed rows."""
        return self._frames(f"{_FRAMES} AND id > ? ORDER BY id LIMIT ?", (row_id, count))

    def at(self, row_id: int) -> SavedFrame | None:
        """The saved frame of this row; None if it has none, or no longer."""
        return next(iter(self._frames(f"{_FRAMES} AND id = ?", (row_id,))), None)

    def last_label(self, source: str) -> str | None:
        """The label of the last frame of `source` that could be classified; None if there is none."""
        with self._store.in_use():
            found = self._store.database.execute(_LAST_LABEL, (escape_surrogates(source),)).fetchone()
        return None if found is None else str(found[0])

    def forget(self, row_ids: Sequence[int]) -> None:
        """Note that the files of these rows are gone: `path` and `saved_bytes` become null. One transaction."""
        with self._store.in_use(), self._store.database.atomic():
            self._store.database.conn.executemany(_FORGET, [(row_id,) for row_id in row_ids])

    def _frames(self, sql: str, values: tuple[int, ...]) -> list[SavedFrame]:
        with self._store.in_use():
            return [SavedFrame(*row) for row in self._store.database.execute(sql, values)]


_FRAMES = """
    SELECT id, path, coalesce(label, ''), coalesce(score, 0.0), classified_at
    FROM results WHERE saved_bytes IS NOT NULL
"""
_LAST_LABEL = "SELECT label FROM results WHERE source = ? AND label IS NOT NULL ORDER BY id DESC LIMIT 1"
_FORGET = "UPDATE results SET path = NULL, saved_bytes = NULL WHERE id = ? AND saved_bytes IS NOT NULL"
