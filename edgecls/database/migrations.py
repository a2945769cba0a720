"""The tables, as the steps that made them. Append only: databases are out there to which the older ones have been applied.

What is derived from the rows has its steps in `derived`.
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from edgecls.database.derived import m003_tallies_search_indexes, m006_bounds_and_days


def m001_models_runs_results(db: Database) -> None:
    """The first schema: what ran, with which model, and one row a frame."""
    for statement in _M001:
        db.execute(statement)


_M001 = (
    """
    CREATE TABLE models (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL UNIQUE,    -- of the model file
        name TEXT NOT NULL,
        labels TEXT NOT NULL,           -- JSON array, in output order
        metrics TEXT NOT NULL,          -- JSON object
        first_seen TEXT NOT NULL        -- every time is UTC: 2026-11-24T12:00:00.000Z
    )
    """,
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        model_id INTEGER NOT NULL REFERENCES models(id),
        device TEXT NOT NULL,
        source TEXT NOT NULL,
        version TEXT NOT NULL,          -- of edgecls
        config TEXT NOT NULL,           -- JSON object
        started_at TEXT NOT NULL,
        stopped_at TEXT,                -- null: still running, or killed
        stop_reason TEXT
    )
    """,
    """
    CREATE TABLE results (
        id INTEGER PRIMARY KEY,
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
        UNIQUE (source, key)
    )
    """,
    "CREATE INDEX results_classified_at ON results (classified_at)",
    "CREATE INDEX results_label ON results (label)",
)


def m002_votes_saved_frames_retention(db: Database) -> None:
    """What several frames voted, which frames are saved as files, and which rows retention has removed."""
    for statement in _M002:
        db.execute(statement)


_M002 = (
    "ALTER TABLE results ADD COLUMN votes TEXT",  # JSON object {label: count}; null: one frame alone
    "ALTER TABLE results ADD COLUMN saved_bytes INTEGER",  # of the frame saved at path; null: path is not ours
    # Few rows have one: of a million, these must be found without reading the others.
    "CREATE INDEX results_saved ON results (id) WHERE saved_bytes IS NOT NULL",
    """
    CREATE TABLE pruned_keys (            -- frames whose row retention has removed while their file stays
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        failed INTEGER NOT NULL,        -- 1: the row had an error
        PRIMARY KEY (source, key)
    ) WITHOUT ROWID
    """,
)


def m004_reviews(db: Database) -> None:
    """What people said of frames. The prediction is copied, for the row may be gone before the review is used."""
    db.execute(_M004)


_M004 = """
    CREATE TABLE reviews (              -- the label that a frame should have had; one a frame, the last word counts
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        key TEXT NOT NULL,
        path TEXT,
        model_id INTEGER NOT NULL REFERENCES models(id),
        predicted TEXT NOT NULL,        -- results.label at the time; 'unknown' too
        score REAL,
        label TEXT NOT NULL,            -- what it is
        reviewed_at TEXT NOT NULL,
        reason TEXT,                    -- why harvest picked it: what chance drew is told apart; null: it did not
        UNIQUE (source, key)
    )
    """


def m005_clock_and_origin(db: Database) -> None:
    """What is known of the clock that a run's times are of, and whether the run was brought here from a database."""
    for statement in _M005:
        db.execute(statement)


_M005 = (
    "ALTER TABLE runs ADD COLUMN boot_id TEXT",  # of the kernel; null: not known
    # The clock less the one that counts from boot, in seconds. It changes only where the clock is set, and where it
    # does another run begins: the times of a run are of one clock.
    "ALTER TABLE runs ADD COLUMN boot_offset REAL",
    # By how many seconds the times of the run and of its rows were corrected since they were written.
    "ALTER TABLE runs ADD COLUMN applied_correction REAL NOT NULL DEFAULT 0",
    # 1: from another database. The `source` of the run and of its rows is DEVICE:SOURCE then, for two devices may
    # have a source of one name.
    "ALTER TABLE runs ADD COLUMN merged INTEGER NOT NULL DEFAULT 0",
)


def m007_seen_files(db: Database) -> None:
    """Which state of a file has its row, so that a restart need not read all files of a folder again."""
    db.execute(_M007)


# Apart from the rows, for it is written later and many files at a time, and files that are gone leave it. It may be
# emptied: then the next start reads all files, as it did before there was this table.
_M007 = """
    CREATE TABLE seen_files (
        source TEXT NOT NULL,
        key TEXT NOT NULL,              -- of the row in results, or in pruned_keys
        size INTEGER NOT NULL,          -- bytes
        modified_ns INTEGER NOT NULL,   -- since 1970: of its content
        changed_ns INTEGER NOT NULL,    -- of its entry (ctime), which no program can set
        PRIMARY KEY (source, key)
    ) WITHOUT ROWID
"""


_STEPS = (
    m001_models_runs_results,
    m002_votes_saved_frames_retention,
    m003_tallies_search_indexes,
    m004_reviews,
    m005_clock_and_origin,
    m006_bounds_and_days,
    m007_seen_files,
)
NAMES = frozenset(step.__name__ for step in _STEPS)

MIGRATIONS = Migrations("edgecls")
for _step in _STEPS:
    MIGRATIONS(name=_step.__name__)(_step)
