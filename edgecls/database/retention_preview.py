"""Count what limits would remove from a database, before a daemon applies them."""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp


class ExpiredCount(NamedTuple):
    """How many of how many would go."""

    removed: int
    of: int

    @property
    def is_most(self) -> bool:
        """Whether more than half of it would go."""
        return 2 * self.removed > self.of


def count_expired_rows(db: Database, *, days: int | None, most: int | None) -> ExpiredCount:
    """Count the rows that `Retention` would remove; those with a saved frame stay. Reads an index of all rows."""
    return _counted(
        db,
        """
        SELECT count(*) FILTER (WHERE saved_bytes IS NULL AND (
                   classified_at < :oldest OR id <= (SELECT max(id) FROM results) - :most)), count(*)
        FROM results
        """,
        oldest=_oldest(days),
        most=most,
    )


def count_expired_frames(db: Database, *, days: int | None, max_bytes: int) -> ExpiredCount:
    """Count the saved frames that are too old or, the newest first, take more than `max_bytes`.

    The best frames of each label, which may outlive this, are counted too.
    """
    return _counted(
        db,
        """
        SELECT count(*) FILTER (WHERE classified_at < :oldest OR bytes > :max_bytes), count(*) FROM (
            SELECT classified_at, sum(saved_bytes) OVER (ORDER BY id DESC) AS bytes
            FROM results WHERE saved_bytes IS NOT NULL)
        """,
        oldest=_oldest(days),
        max_bytes=max_bytes,
    )


def _counted(db: Database, sql: str, **values: object) -> ExpiredCount:
    with translate_errors(database_path(db)):
        return ExpiredCount(*db.execute(sql, values).fetchone())


def _oldest(days: int | None) -> str | None:
    return None if days is None else format_timestamp(datetime.now(timezone.utc) - timedelta(days=days))
