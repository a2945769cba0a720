"""What is derived from the rows, and the triggers that keep it: two of the steps of `migrations`, append only as all are.

A trigger works in the transaction that writes a row: what it keeps cannot disagree with the rows.
"""

# ruff: noqa: S608  # statements are put together from constants of this file

import sqlite3
from collections.abc import Sequence

from sqlite_utils import Database


def m003_tallies_search_indexes(db: Database) -> None:
    """Counts that are kept rather than counted, words to search for, and indexes for what is asked most."""
    for statement in _M003:
        db.execute(statement)


_TALLY_KEY = """{row}.run_id, substr({row}.classified_at, 1, 13), coalesce({row}.label, ''),
            coalesce(max(0, min(9, CAST({row}.score * 10 AS INTEGER))), -1)"""
_COUNT_IN = f"""
        INSERT INTO hourly_counts (run_id, hour, label, bin, rows, score_sum_micros)
        VALUES ({_TALLY_KEY.format(row="new")}, 1, coalesce(CAST(round(new.score * 1000000) AS INTEGER), 0))
        ON CONFLICT (hour, run_id, label, bin)
        DO UPDATE SET rows = rows + 1, score_sum_micros = score_sum_micros + excluded.score_sum_micros;"""
_COUNT_OUT = f"""
        UPDATE hourly_counts
        SET rows = rows - 1, score_sum_micros = score_sum_micros - coalesce(CAST(round(old.score * 1000000) AS INTEGER), 0)
        WHERE (run_id, hour, label, bin) = ({_TALLY_KEY.format(row="old")});
        DELETE FROM hourly_counts WHERE rows = 0 AND (run_id, hour, label, bin) = ({_TALLY_KEY.format(row="old")});"""
_INDEX_WORDS = """
        INSERT INTO results_text (rowid, path, label, error) VALUES (new.id, new.path, new.label, new.error);"""
_FORGET_WORDS = """
        INSERT INTO results_text (results_text, rowid, path, label, error)
        SELECT 'delete', old.id, old.path, old.label, old.error
        WHERE old.id <= (SELECT id FROM results_text_up_to);"""
# Ids grow, but where the newest row goes, its id is given again: to a row that is not in the index.
_NEWEST_GOES = """
        UPDATE results_text_up_to SET id = (SELECT coalesce(max(id), 0) FROM results)
        WHERE id > (SELECT coalesce(max(id), 0) FROM results);"""

_SEARCH_INDEX = """
    CREATE VIRTUAL TABLE results_text USING fts5(
        path, label, error, content='results', content_rowid='id', detail=none, columnsize=0
    )
    """


def rebuild_search_index(db: Database, *, by_force: bool = False) -> None:
    """Replace the search index by an empty one, inside a transaction; its rows are to be indexed again.

    `by_force`: whatever damage there is in its pages, which stay behind unused until a VACUUM.
    """
    # DROP would have to open what is damaged: so the entry in the schema goes, and the tables behind it as what they are.
    _forget_tables(db, ("results_text",))
    tables = (*(f"results_text_{each}" for each in _SHADOWS), "results_text_up_to")
    if by_force:
        _forget_tables(db, tables)
    for table in tables:
        db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in (_SEARCH_INDEX, *_UP_TO):
        db.execute(statement)


def rebuild_counts(db: Database, *, by_force: bool = False) -> None:
    """Replace the tables of counts by what the rows say now, inside a transaction. `by_force` as for the search index."""
    for trigger in (
        "hourly_counts_on_insert",
        "hourly_counts_on_delete",
        "hourly_counts_on_update",
        "daily_counts_on_insert",
    ):
        db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    tables = ("hourly_counts", "daily_counts", "daily_counts_up_to")
    if by_force:
        _forget_tables(db, tables)
    for table in tables:
        db.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in _COUNTS:
        db.execute(statement)


def counts_match(db: Database) -> bool:
    """Return whether the counts are of as many rows as there are: a tenth of a second for a million rows."""
    try:
        return bool(db.execute(_COUNTS_AGREE).fetchone()[0])
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise


_COUNTS_AGREE = """
    SELECT coalesce((SELECT sum(rows) FROM hourly_counts), 0) = (SELECT count(*) FROM results)
        AND (SELECT count(*) FROM daily_counts_up_to) = 1
        AND coalesce((SELECT sum(rows) FROM daily_counts), 0) = coalesce(
            (SELECT sum(rows) FROM hourly_counts WHERE hour < (SELECT day FROM daily_counts_up_to)), 0)
        AND (SELECT count(*) FROM sqlite_master
             WHERE type = 'trigger' AND name LIKE '%_counts_on_%') = 4
"""


def _forget_tables(db: Database, names: Sequence[str]) -> None:
    """Remove tables without reading them, as DROP would."""
    db.execute("PRAGMA writable_schema = ON")
    for name in names:
        db.execute("DELETE FROM sqlite_master WHERE type IN ('table', 'index') AND tbl_name = ?", (name,))
    db.execute("PRAGMA writable_schema = RESET")


_SHADOWS = ("data", "idx", "content", "docsize", "config")
_UP_TO = (
    "CREATE TABLE results_text_up_to (id INTEGER NOT NULL)",  # one row: later ones are not in the index yet
    "INSERT INTO results_text_up_to VALUES (0)",
)

_M003 = (
    """
    CREATE TABLE hourly_counts (              -- how many rows a run wrote in an hour, by label and tenth of the score
        run_id INTEGER NOT NULL,
        hour TEXT NOT NULL,             -- 2026-11-24T12, of classified_at
        label TEXT NOT NULL,            -- '': an error
        bin INTEGER NOT NULL,           -- 0: a score under 0.1, ..., 9: from 0.9 on; -1: no score
        rows INTEGER NOT NULL,
        score_sum_micros INTEGER NOT NULL,    -- the sum of the scores, in whole numbers, so that nothing is rounded away
        PRIMARY KEY (hour, run_id, label, bin)
    ) WITHOUT ROWID
    """,
    f"""
    INSERT INTO hourly_counts (run_id, hour, label, bin, rows, score_sum_micros)
    SELECT {_TALLY_KEY.format(row="results")}, count(*),
           coalesce(sum(CAST(round(score * 1000000) AS INTEGER)), 0)
    FROM results GROUP BY 1, 2, 3, 4
    """,
    f"CREATE TRIGGER hourly_counts_on_insert AFTER INSERT ON results BEGIN {_COUNT_IN} END",
    f"CREATE TRIGGER hourly_counts_on_delete AFTER DELETE ON results BEGIN {_COUNT_OUT} END",
    f"""
    CREATE TRIGGER hourly_counts_on_update AFTER UPDATE OF run_id, classified_at, label, score ON results
    BEGIN {_COUNT_OUT} {_COUNT_IN} END
    """,
    # Words alone, without their places: 20 bytes a row, where phrases would take twice that. A row alone in its
    # transaction would cost the index seven pages, and a card its life: rows are indexed many at a time, by `words`.
    _SEARCH_INDEX,
    *_UP_TO,
    f"""
    CREATE TRIGGER results_text_delete AFTER DELETE ON results
    BEGIN {_FORGET_WORDS} {_NEWEST_GOES} END
    """,
    f"""
    CREATE TRIGGER results_text_update AFTER UPDATE OF path, label, error ON results
    WHEN old.id <= (SELECT id FROM results_text_up_to)
    BEGIN {_FORGET_WORDS} {_INDEX_WORDS} END
    """,
    "DROP INDEX results_label",
    "CREATE INDEX results_label ON results (label, classified_at)",
    "CREATE INDEX results_error ON results (classified_at) WHERE error IS NOT NULL",
)


def m006_bounds_and_days(db: Database) -> None:
    """Between which ids and scores the rows of a tally lie, and the sums of whole days."""
    for statement in _M006:
        db.execute(statement)


# All in the row of `hourly_counts` that is written anyway: where the rows with the best scores are, or those with a word, costs
# a device no page more.
_COUNT_IN_BOUNDED = f"""
        INSERT INTO hourly_counts (run_id, hour, label, bin, rows, score_sum_micros, first_id, last_id, min_score, max_score)
        VALUES ({_TALLY_KEY.format(row="new")}, 1, coalesce(CAST(round(new.score * 1000000) AS INTEGER), 0),
            new.id, new.id, new.score, new.score)
        ON CONFLICT (hour, run_id, label, bin)
        DO UPDATE SET rows = rows + 1, score_sum_micros = score_sum_micros + excluded.score_sum_micros,
            first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id),
            min_score = min(min_score, excluded.min_score), max_score = max(max_score, excluded.max_score);"""
_DAY = "substr({row}.classified_at, 1, 10)"
_DAY_KEY = _TALLY_KEY.replace("1, 13", "1, 10")
# A day is summed up when the first row of a later one comes: once, and not with every row.
_SUM_DAYS = f"""
        INSERT INTO daily_counts (run_id, day, label, bin, rows, score_sum_micros)
        SELECT run_id, substr(hour, 1, 10), label, bin, sum(rows), sum(score_sum_micros) FROM hourly_counts
        WHERE hour >= (SELECT day FROM daily_counts_up_to) AND hour < {_DAY.format(row="new")} GROUP BY 1, 2, 3, 4;
        UPDATE daily_counts_up_to SET day = {_DAY.format(row="new")} WHERE day < {_DAY.format(row="new")};"""
_DAY_IN = f"""
        INSERT INTO daily_counts (run_id, day, label, bin, rows, score_sum_micros)
        SELECT {_DAY_KEY.format(row="new")}, 1, coalesce(CAST(round(new.score * 1000000) AS INTEGER), 0)
        WHERE {_DAY.format(row="new")} < (SELECT day FROM daily_counts_up_to)
        ON CONFLICT (day, run_id, label, bin)
        DO UPDATE SET rows = rows + 1, score_sum_micros = score_sum_micros + excluded.score_sum_micros;"""
# Days that are not summed up yet have no row in `days`: of those, nothing is found.
_DAY_OUT = f"""
        UPDATE daily_counts
        SET rows = rows - 1, score_sum_micros = score_sum_micros - coalesce(CAST(round(old.score * 1000000) AS INTEGER), 0)
        WHERE (run_id, day, label, bin) = ({_DAY_KEY.format(row="old")});
        DELETE FROM daily_counts WHERE rows = 0 AND (run_id, day, label, bin) = ({_DAY_KEY.format(row="old")});"""

_COUNTS = (
    """
    CREATE TABLE hourly_counts (              -- how many rows a run wrote in an hour, by label and tenth of the score
        run_id INTEGER NOT NULL,
        hour TEXT NOT NULL,             -- 2026-11-24T12, of classified_at
        label TEXT NOT NULL,            -- '': an error
        bin INTEGER NOT NULL,           -- 0: a score under 0.1, ..., 9: from 0.9 on; -1: no score
        rows INTEGER NOT NULL,
        score_sum_micros INTEGER NOT NULL,    -- the sum of the scores, in whole numbers, so that nothing is rounded away
        first_id INTEGER NOT NULL,      -- no row has a lower id: bounds may be wide where rows have gone
        last_id INTEGER NOT NULL,
        min_score REAL,                     -- no row has a lower score; null: no score
        max_score REAL,
        PRIMARY KEY (hour, run_id, label, bin)
    ) WITHOUT ROWID
    """,
    f"""
    INSERT INTO hourly_counts (run_id, hour, label, bin, rows, score_sum_micros, first_id, last_id, min_score, max_score)
    SELECT {_TALLY_KEY.format(row="results")}, count(*),
           coalesce(sum(CAST(round(score * 1000000) AS INTEGER)), 0), min(id), max(id), min(score), max(score)
    FROM results GROUP BY 1, 2, 3, 4
    """,
    """
    CREATE TABLE daily_counts (                 -- the same of a day, but of the last that has begun and of those after it
        run_id INTEGER NOT NULL,
        day TEXT NOT NULL,              -- 2026-11-24, of UTC
        label TEXT NOT NULL,
        bin INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        score_sum_micros INTEGER NOT NULL,
        PRIMARY KEY (day, run_id, label, bin)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE daily_counts_up_to (day TEXT NOT NULL)",  # one row: the days before this one are in `days`
    "INSERT INTO daily_counts_up_to SELECT coalesce(substr(max(hour), 1, 10), '') FROM hourly_counts",
    """
    INSERT INTO daily_counts (run_id, day, label, bin, rows, score_sum_micros)
    SELECT run_id, substr(hour, 1, 10), label, bin, sum(rows), sum(score_sum_micros) FROM hourly_counts
    WHERE hour < (SELECT day FROM daily_counts_up_to) GROUP BY 1, 2, 3, 4
    """,
    f"CREATE TRIGGER hourly_counts_on_insert AFTER INSERT ON results BEGIN {_COUNT_IN_BOUNDED} END",
    # Two, so that most rows pass by the second with a glance. In which order they fire makes no difference.
    f"""
    CREATE TRIGGER daily_counts_on_insert AFTER INSERT ON results
    WHEN {_DAY.format(row="new")} <> (SELECT day FROM daily_counts_up_to)
    BEGIN {_SUM_DAYS} {_DAY_IN} END
    """,
    f"CREATE TRIGGER hourly_counts_on_delete AFTER DELETE ON results BEGIN {_COUNT_OUT} {_DAY_OUT} END",
    f"""
    CREATE TRIGGER hourly_counts_on_update AFTER UPDATE OF run_id, classified_at, label, score ON results
    BEGIN {_COUNT_OUT} {_COUNT_IN_BOUNDED} {_DAY_OUT} {_SUM_DAYS} {_DAY_IN} END
    """,
)

_M006 = (
    "DROP TRIGGER hourly_counts_on_insert",
    "DROP TRIGGER hourly_counts_on_delete",
    "DROP TRIGGER hourly_counts_on_update",
    "DROP TABLE hourly_counts",
    *_COUNTS,
)


def are_tallied(db: Database) -> bool:
    """Whether there are hourly_counts; not so in a database that an older edgecls wrote and nobody has written to since."""
    return "hourly_counts" in db.table_names()
