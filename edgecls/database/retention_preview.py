"""Count what the configured limits would delete from a database, before a daemon applies them."""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.database.timestamps import format_timestamp


class ExpiredCount(NamedTuple):
    """The number of rows or frames that a limit would delete, and the number of all."""

    removed: int
    of: int

    @property
    def is_most(self) -> bool:
        """Return whether more than half would be deleted."""
        return 2 * self.removed > self.of


def count_expired_rows(db: Database, *, days: int | None, most: int | None) -> ExpiredCount:
    """Count the rows that `Retention` would delete; rows with a saved frame stay. Reads an index of all rows."""
    return _count(
        db,
        """
        SELECT count(*) FILTER (WHERE saved_bytes IS NULL AND (
                   classified_at < :oldest OR id <= (SELECT max(id) FROM results) - :most)), count(*)
        FROM results
        """,
        oldest=_oldest_time(days),
        most=most,
    )


def count_expired_frames(db: Database, *, days: int | None, max_bytes: int) -> ExpiredCount:
    """Count the saved frames that are too old or, counted from the newest, exceed `max_bytes`.

    The count includes the best frames of each label, which may be kept longer.
    """
    return _count(
        db,
        """
        SELECT count(*) FILTER (WHERE classified_at < :oldest OR bytes > :max_bytes), count(*) FROM (
            SELECT classified_at, sum(saved_bytes) OVER (ORDER BY id DESC) AS bytes
            FROM results WHERE saved_bytes IS NOT NULL)
        """,
        oldest=_oldest_time(days),
        max_bytes=max_bytes,
    )


def _count(db: Database, sql: str, **values: object) -> ExpiredCount:
    with translate_errors(database_path(db)):
        return ExpiredCount(*db.execute(sql, values).fetchone())


def _oldest_time(days: int | None) -> str | None:
    return None if days is None else format_timestamp(datetime.now(timezone.utc) - timedelta(days=days))
