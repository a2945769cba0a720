"""SQL written by the user, which may only read."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlite_utils import Database
from sqlite_utils.utils import dedupe_keys

from edgecls.database.connection import database_path
from edgecls.database.row_values import escape_surrogates
from edgecls.database.sqlite_errors import translate_error
from edgecls.errors import UsageError
from edgecls.results.queries.rows import Row


def run_sql(db: Database, sql: str) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Run one query and return its column names and its rows, which are read as they are iterated over.

    A repeated column name gets the suffix `_2`. From then on `db` refuses every statement that does not only read.

    Raises:
        UsageError: `sql` writes, attaches or changes a setting, or it is not valid; also while iterating.
    """
    db.conn.set_authorizer(_authorize)
    file = database_path(db)
    with _errors_of_user_sql(file):
        cursor = db.conn.execute(escape_surrogates(sql))
    if cursor.description is None:
        raise UsageError("--sql only reads: use a query that returns columns, such as SELECT")
    columns = tuple(dedupe_keys(column[0] for column in cursor.description))
    return columns, _rows(cursor, columns, file)


def _rows(cursor: sqlite3.Cursor, columns: Sequence[str], file: str) -> Iterator[Row]:
    with _errors_of_user_sql(file):
        for row in cursor:
            yield dict(zip(columns, row, strict=True))


@contextmanager
def _errors_of_user_sql(file: str) -> Iterator[None]:
    """Raise the errors of sqlite3 as ours. A second statement is an sqlite3.Warning before Python 3.11."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        if any(phrase in str(error) for phrase in _REFUSALS):
            raise UsageError(
                "--sql only reads: use SELECT, or open the file with the sqlite3 shell to change it"
            ) from error
        raise translate_error(error, file) or UsageError(f"--sql: {error}") from error


_REFUSALS = ("not authorized", "authorization denied", "readonly database", "may not be modified")
_READING = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,  # sqlite-utils wraps each query in a savepoint
    sqlite3.SQLITE_SAVEPOINT,
}
_READING_PRAGMAS = {
    "application_id", "collation_list", "compile_options", "database_list", "encoding", "foreign_key_check",
    "foreign_key_list", "freelist_count", "function_list", "index_info", "index_list", "index_xinfo",
    "integrity_check", "journal_mode", "page_count", "page_size", "quick_check", "schema_version", "table_info",
    "table_list", "table_xinfo", "user_version",
}  # fmt: skip
_SETTINGS = {"application_id", "encoding", "journal_mode", "page_size", "schema_version", "user_version"}


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    """Tell SQLite, before it prepares a statement, whether the user's SQL may do this."""
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = first in _READING_PRAGMAS and not (first in _SETTINGS and second is not None)
    else:
        # A table-valued function (json_each) is declared by an update of sqlite_master that writes nothing.
        allowed = action in _READING or (action == sqlite3.SQLITE_UPDATE and first == "sqlite_master")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
