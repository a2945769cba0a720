"""Index the words in paths, labels and errors, in the table `results_text`.

Indexing each row in its own transaction would write seven more pages, which wears a memory card, so rows are indexed in batches;
`results_text_up_to` has the id of the last indexed row. A search reads the rows after it directly.
"""

import logging
import sqlite3

from sqlite_utils import Database

from edgecls.database.connection import write_transaction
from edgecls.database.derived import rebuild_search_index
from edgecls.database.sqlite_errors import is_damage, is_index_damage

log = logging.getLogger(__name__)

BATCH = 1000
"""Rows indexed in one transaction: about ten milliseconds."""


def index_batch(db: Database, limit: int = BATCH) -> int:
    """Index at most `limit` rows in order of writing, in one transaction; return how many were indexed."""
    with db.atomic():
        row = db.execute("SELECT id FROM results_text_up_to").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("results_text_up_to is empty")
        (up_to,) = row
        last, count = db.execute(_BATCH, (up_to, limit)).fetchone()
        if count:
            db.execute(_INDEX, (up_to, last))
            db.execute("UPDATE results_text_up_to SET id = ?", (last,))
    return int(count)


_BATCH = "SELECT max(id), count(*) FROM (SELECT id FROM results WHERE id > ? ORDER BY id LIMIT ?)"
_INDEX = """
    INSERT INTO results_text (rowid, path, label, error)
    SELECT id, path, label, error FROM results WHERE id > ? AND id <= ? ORDER BY id
"""


def index_all_rows(db: Database) -> None:
    """Index all rows that are not indexed yet; rebuild the index first if it is damaged."""
    while True:
        try:
            while index_batch(db, BATCH):
                pass
        except sqlite3.DatabaseError as error:  # noqa: PERF203 - once at most
            if not repair_search_index(db, error):
                raise
        else:
            return


def repair_search_index(db: Database, error: BaseException | None) -> bool:
    """Empty the index if `error` is due to damage in it, so that the rows are indexed again; return whether it was.

    `error`: sqlite3's, or one of ours with that as its cause.
    """
    cause = error if isinstance(error, sqlite3.Error) else error and error.__cause__
    if db.conn.in_transaction or not (is_index_damage(cause) or is_damage(cause)):
        return False
    if not is_index_damage(cause) and is_search_index_sound(db):
        return False
    try:
        with write_transaction(db):
            rebuild_search_index(db)
    except sqlite3.Error:  # then more than the index is damaged
        return False
    log.warning("the search index was damaged: rebuilding it from the rows, which are all intact")
    return True


def is_search_index_sound(db: Database) -> bool:
    """Return whether the index passes FTS5's integrity check, and has terms if it should.

    Reads the whole index, 0.1 s for a million rows. Takes the lock of a writer, and writes nothing.
    """
    try:
        # Of 2,000 indexes with random blocks, 20 can be read to the end; the integrity check refuses all.
        with db.atomic():
            db.execute("INSERT INTO results_text (results_text) VALUES ('integrity-check')")
        db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab('main', 'results_text', 'row')")
        (terms,) = db.execute("SELECT count(*) FROM (SELECT 1 FROM temp.terms LIMIT 1)").fetchone()
        (up_to,) = db.execute("SELECT id FROM results_text_up_to").fetchone() or (None,)
    except sqlite3.DatabaseError as error:
        if is_index_damage(error) or is_damage(error):
            return False
        raise
    return up_to is not None and (terms > 0 or up_to == 0)
