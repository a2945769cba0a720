"""Rebuild what is derived from the rows: the counts by hour and day, and the search index."""

# ruff: noqa: S608  # statements are built from constants

import sqlite3
from collections.abc import Sequence

from sqlite_utils import Database

from edgecls.database.schema import (
    COUNT_TABLES,
    COUNT_TRIGGERS,
    HOUR_KEY,
    SCORE_MICROS,
    SEARCH_TABLES,
    create_count_triggers,
)

_SHADOW_TABLES = tuple(f"results_text_{suffix}" for suffix in ("data", "idx", "content", "docsize", "config"))


def rebuild_search_index(db: Database, *, by_force: bool = False) -> None:
    """Replace the search index by an empty one, inside a transaction; the rows are then to be indexed again.

    `by_force` ignores any damage in its pages, which stay in the file unused until a VACUUM.
    """
    # DROP would have to open the damaged virtual table: remove its entry from the schema, then drop its tables as plain ones.
    _remove_from_schema(db, ("results_text",))
    tables = (*_SHADOW_TABLES, "results_text_up_to")
    if by_force:
        _remove_from_schema(db, tables)
    for table in tables:
        db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in SEARCH_TABLES:
        db.execute(statement)


def rebuild_counts(db: Database, *, by_force: bool = False) -> None:
    """Replace the counts by what the rows add up to, inside a transaction. `by_force` as for the search index."""
    for trigger in COUNT_TRIGGERS:
        db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    tables = ("hourly_counts", "daily_counts", "daily_counts_up_to")
    if by_force:
        _remove_from_schema(db, tables)
    for table in tables:
        db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in (*COUNT_TABLES, *_FILL_COUNTS):
        db.execute(statement)
    create_count_triggers(db)


_FILL_COUNTS = (
    f"""
    INSERT INTO hourly_counts (run_id, hour, label, bin, rows, score_sum_micros, first_id, last_id, min_score, max_score)
    SELECT {HOUR_KEY.format(row="results")}, count(*), sum({SCORE_MICROS.format(row="results")}),
           min(id), max(id), min(score), max(score)
    FROM results GROUP BY 1, 2, 3, 4
    """,
    "INSERT INTO daily_counts_up_to SELECT coalesce(substr(max(hour), 1, 10), '') FROM hourly_counts",
    """
    INSERT INTO daily_counts (run_id, day, label, bin, rows, score_sum_micros)
    SELECT run_id, substr(hour, 1, 10), label, bin, sum(rows), sum(score_sum_micros) FROM hourly_counts
    WHERE hour < (SELECT day FROM daily_counts_up_to) GROUP BY 1, 2, 3, 4
    """,
)


def counts_match(db: Database) -> bool:
    """Return whether the counts add up to the number of rows: 0.1 s for a million rows."""
    try:
        return bool(db.execute(_COUNTS_MATCH).fetchone()[0])
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise


_COUNTS_MATCH = f"""
    SELECT coalesce((SELECT sum(rows) FROM hourly_counts), 0) = (SELECT count(*) FROM results)
        AND (SELECT count(*) FROM daily_counts_up_to) = 1
        AND coalesce((SELECT sum(rows) FROM daily_counts), 0) = coalesce(
            (SELECT sum(rows) FROM hourly_counts WHERE hour < (SELECT day FROM daily_counts_up_to)), 0)
        AND (SELECT count(*) FROM sqlite_master
             WHERE type = 'trigger' AND name LIKE '%_counts_on_%') = {len(COUNT_TRIGGERS)}
"""


def _remove_from_schema(db: Database, names: Sequence[str]) -> None:
    """Remove tables without reading them, as DROP would."""
    db.execute("PRAGMA writable_schema = ON")
    for name in names:
        db.execute("DELETE FROM sqlite_master WHERE type IN ('table', 'index') AND tbl_name = ?", (name,))
    db.execute("PRAGMA writable_schema = RESET")
