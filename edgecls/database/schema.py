"""The schema of a results database: tables, indexes and triggers, and the check that a file has this schema.

Every time is text in UTC with milliseconds: `2026-11-24T12:00:00.000Z`.
"""

# ruff: noqa: S608  # statements are built from constants of this file

import uuid
from datetime import datetime, timezone
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import write_transaction
from edgecls.database.generations import set_first_generation
from edgecls.database.timestamps import format_timestamp
from edgecls.errors import BadDatabase

SCHEMA_VERSION = 1
"""Increase it with every change of the schema."""

TABLES = (
    """
    CREATE TABLE edgecls (              -- one row
        schema_version INTEGER NOT NULL,
        database_id TEXT NOT NULL,      -- UUID; a copy has the id of its original
        created_at TEXT NOT NULL,
        highest_removed_id INTEGER NOT NULL  -- results.id is never assigned again: see NEXT_ID
    )
    """,
    """
    CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL UNIQUE,    -- of the model file
        name TEXT NOT NULL,
        labels TEXT NOT NULL,           -- JSON array, in output order
        metrics TEXT NOT NULL,          -- JSON object
        first_seen TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE runs (                 -- the clock is not set during a run: when it is, a new run begins
        id INTEGER PRIMARY KEY,
        model_id INTEGER NOT NULL REFERENCES models(id),
        device TEXT NOT NULL,
        source TEXT NOT NULL,
        version TEXT NOT NULL,          -- of edgecls
        config TEXT NOT NULL,           -- JSON object
        started_at TEXT NOT NULL,
        stopped_at TEXT,                -- null: still running, or killed
        stop_reason TEXT,
        boot_id TEXT,                   -- the kernel's; null: unknown
        boot_offset REAL,               -- system clock minus time since boot [s]; changes when the clock is set
        applied_correction REAL NOT NULL DEFAULT 0,  -- added to the times of the run and its rows by `edgecls clock` [s]
        merged INTEGER NOT NULL DEFAULT 0  -- 1: from another database; its sources are DEVICE:SOURCE, so that they differ
    )
    """,
    """
    CREATE TABLE results (              -- one row a frame
        id INTEGER PRIMARY KEY,         -- never assigned again, so that a reader can remember its position
        run_id INTEGER NOT NULL REFERENCES runs(id),
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        path TEXT,
        captured_at TEXT NOT NULL,
        classified_at TEXT NOT NULL,
        label TEXT,                     -- null: see error
        score REAL,
        top_k TEXT NOT NULL,            -- JSON array of {"label", "score"}, best first
        decode_ms REAL,
        infer_ms REAL,
        error TEXT,
        votes TEXT,                     -- JSON object {label: frames}; null: a single frame
        saved_bytes INTEGER,            -- size of the frame saved at path; null: path is not a saved frame
        UNIQUE (source, key)
    )
    """,
    """
    CREATE TABLE pruned_keys (          -- frames whose row retention has removed while their file stays
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        failed INTEGER NOT NULL,        -- 1: the row had an error
        PRIMARY KEY (source, key)
    ) WITHOUT ROWID
    """,
    # Separate from the rows: it is written later, in batches, and loses the files that are gone. It may be emptied; the
    # next start then reads all files.
    """
    CREATE TABLE seen_files (           -- the state of a file when it was classified, so that a restart can skip it
        source TEXT NOT NULL,
        key TEXT NOT NULL,              -- of the row in results or pruned_keys
        size INTEGER NOT NULL,          -- bytes
        modified_ns INTEGER NOT NULL,   -- mtime since 1970
        changed_ns INTEGER NOT NULL,    -- ctime since 1970, which no program can set
        PRIMARY KEY (source, key)
    ) WITHOUT ROWID
    """,
    # The prediction is copied: the row may be gone before the review is used.
    """
    CREATE TABLE reviews (              -- the true label of a frame; a later review replaces an earlier one
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        path TEXT,
        model_id INTEGER NOT NULL REFERENCES models(id),
        predicted TEXT NOT NULL,        -- results.label at the time; may be 'unknown'
        score REAL,
        label TEXT NOT NULL,            -- the true label
        reviewed_at TEXT NOT NULL,
        reason TEXT,                    -- why harvest chose the frame; null: harvest did not
        UNIQUE (source, key)
    )
    """,
)

INDEXES = (
    "CREATE INDEX results_classified_at ON results (classified_at)",
    "CREATE INDEX results_label ON results (label, classified_at)",
    "CREATE INDEX results_error ON results (classified_at) WHERE error IS NOT NULL",
    "CREATE INDEX results_saved ON results (id) WHERE saved_bytes IS NOT NULL",
)

# AUTOINCREMENT would do the same, but writes a page more with every commit: 4 KB a row on a memory card. SQLite itself assigns
# an id again only after the newest row was deleted, so it is enough to note the id then.
NEXT_ID = "(SELECT max(highest_removed_id, (SELECT coalesce(max(id), 0) FROM results)) + 1 FROM edgecls)"
"""SQL: the id of the next row of `results`, for INSERT."""
_KEEP_HIGHEST_ID = """
    CREATE TRIGGER results_on_delete AFTER DELETE ON results WHEN old.id > (SELECT coalesce(max(id), 0) FROM results)
    BEGIN UPDATE edgecls SET highest_removed_id = max(highest_removed_id, old.id); END
"""

# The counts are written in the transaction of the row, so they always agree with the rows. first_id to max_score are in the
# row of hourly_counts that is written anyway: they cost a device no further page.

HOUR_KEY = """{row}.run_id, substr({row}.classified_at, 1, 13), coalesce({row}.label, ''),
            coalesce(max(0, min(9, CAST({row}.score * 10 AS INTEGER))), -1)"""
SCORE_MICROS = "coalesce(CAST(round({row}.score * 1000000) AS INTEGER), 0)"
_DAY_KEY = HOUR_KEY.replace("1, 13", "1, 10")
_DAY = "substr({row}.classified_at, 1, 10)"

_NEW_MICROS, _OLD_MICROS = SCORE_MICROS.format(row="new"), SCORE_MICROS.format(row="old")
_NEW_DAY = _DAY.format(row="new")

_ADD_TO_HOUR = f"""
        INSERT INTO hourly_counts (run_id, hour, label, bin, rows, score_sum_micros, first_id, last_id, min_score, max_score)
        VALUES ({HOUR_KEY.format(row="new")}, 1, {_NEW_MICROS}, new.id, new.id, new.score, new.score)
        ON CONFLICT (hour, run_id, label, bin)
        DO UPDATE SET rows = rows + 1, score_sum_micros = score_sum_micros + excluded.score_sum_micros,
            first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id),
            min_score = min(min_score, excluded.min_score), max_score = max(max_score, excluded.max_score);"""
_SUBTRACT_FROM_HOUR = f"""
        UPDATE hourly_counts SET rows = rows - 1, score_sum_micros = score_sum_micros - {_OLD_MICROS}
        WHERE (run_id, hour, label, bin) = ({HOUR_KEY.format(row="old")});
        DELETE FROM hourly_counts WHERE rows = 0 AND (run_id, hour, label, bin) = ({HOUR_KEY.format(row="old")});"""

# A day is summed once, when the first row of a later day arrives, and not with every row.
_SUM_DAYS = f"""
        INSERT INTO daily_counts (run_id, day, label, bin, rows, score_sum_micros)
        SELECT run_id, substr(hour, 1, 10), label, bin, sum(rows), sum(score_sum_micros) FROM hourly_counts
        WHERE hour >= (SELECT day FROM daily_counts_up_to) AND hour < {_NEW_DAY} GROUP BY 1, 2, 3, 4;
        UPDATE daily_counts_up_to SET day = {_NEW_DAY} WHERE day < {_NEW_DAY};"""
_ADD_TO_DAY = f"""
        INSERT INTO daily_counts (run_id, day, label, bin, rows, score_sum_micros)
        SELECT {_DAY_KEY.format(row="new")}, 1, {_NEW_MICROS} WHERE {_NEW_DAY} < (SELECT day FROM daily_counts_up_to)
        ON CONFLICT (day, run_id, label, bin)
        DO UPDATE SET rows = rows + 1, score_sum_micros = score_sum_micros + excluded.score_sum_micros;"""
# Does nothing for a day that is not summed yet.
_SUBTRACT_FROM_DAY = f"""
        UPDATE daily_counts SET rows = rows - 1, score_sum_micros = score_sum_micros - {_OLD_MICROS}
        WHERE (run_id, day, label, bin) = ({_DAY_KEY.format(row="old")});
        DELETE FROM daily_counts WHERE rows = 0 AND (run_id, day, label, bin) = ({_DAY_KEY.format(row="old")});"""

COUNT_TABLES = (
    """
    CREATE TABLE hourly_counts (        -- rows by run, hour, label and tenth of the score
        run_id INTEGER NOT NULL,
        hour TEXT NOT NULL,             -- 2026-11-24T12, of classified_at
        label TEXT NOT NULL,            -- '': an error
        bin INTEGER NOT NULL,           -- 0: a score below 0.1, ..., 9: from 0.9 on; -1: no score
        rows INTEGER NOT NULL,
        score_sum_micros INTEGER NOT NULL,  -- sum of the scores times 1,000,000; an integer, so that sums are exact
        first_id INTEGER NOT NULL,      -- no row has a lower id; the range may be too wide once rows were removed
        last_id INTEGER NOT NULL,
        min_score REAL,                 -- no row has a lower score; null: no score
        max_score REAL,
        PRIMARY KEY (hour, run_id, label, bin)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE daily_counts (         -- the same by day, for the days before daily_counts_up_to
        run_id INTEGER NOT NULL,
        day TEXT NOT NULL,              -- 2026-11-24, UTC
        label TEXT NOT NULL,
        bin INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        score_sum_micros INTEGER NOT NULL,
        PRIMARY KEY (day, run_id, label, bin)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE daily_counts_up_to (day TEXT NOT NULL)",  # one row
)
COUNT_TRIGGERS = {
    "hourly_counts_on_insert": f"AFTER INSERT ON results BEGIN {_ADD_TO_HOUR} END",
    # A trigger of its own: for most rows its condition is false. The order of the two makes no difference.
    "daily_counts_on_insert": f"""
    AFTER INSERT ON results WHEN {_NEW_DAY} <> (SELECT day FROM daily_counts_up_to)
    BEGIN {_SUM_DAYS} {_ADD_TO_DAY} END
    """,
    "hourly_counts_on_delete": f"AFTER DELETE ON results BEGIN {_SUBTRACT_FROM_HOUR} {_SUBTRACT_FROM_DAY} END",
    "hourly_counts_on_update": f"""
    AFTER UPDATE OF run_id, classified_at, label, score ON results
    BEGIN {_SUBTRACT_FROM_HOUR} {_ADD_TO_HOUR} {_SUBTRACT_FROM_DAY} {_SUM_DAYS} {_ADD_TO_DAY} END
    """,
}

# Words without their positions: 20 bytes a row; phrases would take twice that. Indexing each row in its own transaction would
# write seven more pages, so `search_index` indexes rows in batches.
_REMOVE_WORDS = """
        INSERT INTO results_text (results_text, rowid, path, label, error)
        SELECT 'delete', old.id, old.path, old.label, old.error
        WHERE old.id <= (SELECT id FROM results_text_up_to);"""
_ADD_WORDS = """
        INSERT INTO results_text (rowid, path, label, error) VALUES (new.id, new.path, new.label, new.error);"""

SEARCH_TABLES = (
    """
    CREATE VIRTUAL TABLE results_text USING fts5(
        path, label, error, content='results', content_rowid='id', detail=none, columnsize=0
    )
    """,
    "CREATE TABLE results_text_up_to (id INTEGER NOT NULL)",  # one row: rows with a higher id are not indexed yet
    "INSERT INTO results_text_up_to VALUES (0)",
)
_SEARCH_TRIGGERS = (
    f"CREATE TRIGGER results_text_delete AFTER DELETE ON results BEGIN {_REMOVE_WORDS} END",
    f"""
    CREATE TRIGGER results_text_update AFTER UPDATE OF path, label, error ON results
    WHEN old.id <= (SELECT id FROM results_text_up_to)
    BEGIN {_REMOVE_WORDS} {_ADD_WORDS} END
    """,
)


def create_schema(db: Database) -> None:
    """Create the tables in an empty database, in one transaction; leave any other database as it is."""
    with write_transaction(db):  # two processes may open the new file at once: the second finds the tables
        if not is_empty(db):
            return
        for statement in (*TABLES, *INDEXES, *COUNT_TABLES, "INSERT INTO daily_counts_up_to VALUES ('')"):
            db.execute(statement)
        create_count_triggers(db)
        for statement in (*SEARCH_TABLES, *_SEARCH_TRIGGERS, _KEEP_HIGHEST_ID):
            db.execute(statement)
        created_at = format_timestamp(datetime.now(timezone.utc))
        db.execute("INSERT INTO edgecls VALUES (?, ?, ?, 0)", (SCHEMA_VERSION, str(uuid.uuid4()), created_at))
        set_first_generation(db)


def create_count_triggers(db: Database) -> None:
    """Create the triggers that keep the counts."""
    for name, definition in COUNT_TRIGGERS.items():
        db.execute(f"CREATE TRIGGER {name} {definition}")


def is_empty(db: Database) -> bool:
    """Return whether the database has no tables."""
    return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def read_database_id(db: Database) -> str:
    """Return the UUID of the database, which it shares with its copies.

    A copy has the same rows under the same ids up to the moment it was made. `edgecls restore` gives the database a new id,
    because the rows after the backup are gone and their ids are assigned again.
    """
    return str(db.execute("SELECT database_id FROM edgecls").fetchone()[0])


def change_database_id(db: Database) -> None:
    """Give the database a new UUID."""
    db.execute("UPDATE edgecls SET database_id = ?", (str(uuid.uuid4()),))


def check_schema(db: Database, path: Path, *, allow_empty: bool = False) -> None:
    """Raise BadDatabase unless `db`, opened from `path`, has the schema of this edgecls.

    `allow_empty`: a database without tables passes, since the caller creates them.
    """
    if is_empty(db):
        if not allow_empty:
            raise BadDatabase(_describe_empty(db, path))
        return
    if "schema_version" not in db.table("edgecls").columns_dict:
        raise BadDatabase(f"{path} is not an edgecls results database: name another file")
    (version,) = db.execute("SELECT schema_version FROM edgecls").fetchone() or (None,)
    if version != SCHEMA_VERSION:
        raise BadDatabase(
            f"{path} has schema version {version}, but this edgecls reads version {SCHEMA_VERSION}: name another file"
        )


def _describe_empty(db: Database, path: Path) -> str:
    """Describe a file without tables. If it was copied alone, its rows are in the log beside the original."""
    if path.stat().st_size and db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return (
            f"{path} has no tables: if it is a copy, its rows are in {path.name}-wal beside the original;"
            " copy a database with `edgecls backup`"
        )
    return f"{path} is empty: edgecls has not written to it yet; name another file"
