"""Check and create the tables of a results database."""

from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import write_transaction
from edgecls.database.generations import set_first_generation
from edgecls.database.migrations import MIGRATIONS, NAMES
from edgecls.errors import BadDatabase

TABLES = frozenset({"models", "runs", "results"})


def migrate(db: Database) -> None:
    """Apply what is missing, all or nothing, so that two processes starting together take turns."""
    with write_transaction(db):
        is_new = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        MIGRATIONS.apply(db)
        if is_new:
            set_first_generation(db)


def check_schema(db: Database, path: Path, *, empty_is_fine: bool = False) -> None:
    """Raise BadDatabase unless this edgecls can use `db`, opened from `path`; `empty_is_fine` to one who will write."""
    if empty_is_fine and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    if not empty_is_fine:
        _check_is_made(db, path)
    applied = {migration.name for migration in MIGRATIONS.applied(db)}
    if applied - NAMES:
        raise BadDatabase(f"{path} was written by a newer edgecls: upgrade edgecls")
    if not applied or not TABLES.issubset(db.table_names()):
        raise BadDatabase(f"{path} is not an edgecls results database: name another file")


def _check_is_made(db: Database, path: Path) -> None:
    """Raise BadDatabase for a file without tables: they may be in a log that was left behind when the file was copied."""
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    if path.stat().st_size == 0:
        raise BadDatabase(f"{path} is empty: no edgecls has written to it yet; name another file")
    if db.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        raise BadDatabase(
            f"{path} has no rows: if it is a copy, those are in {path.name}-wal beside the original, which was not copied:"
            " copy a database with `edgecls backup`"
        )
