"""Questions to a results database, which is opened read-only."""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from sqlite_utils.utils import dedupe_keys

from edgecls.errors import UsageError
from edgecls.records import UNKNOWN
from edgecls.results.schema import (
    check_file,
    check_schema,
    connect,
    is_locked,
    storable,
    timestamp,
    translated,
    translation,
)

Row = dict[str, Any]

COLUMNS = (
    "id", "run_id", "model", "source", "key", "path", "captured_at", "classified_at", "label", "score", "top_k",
    "decode_ms", "infer_ms", "error", "votes",
)  # fmt: skip
"""What `find` yields, in this order."""


@dataclass(frozen=True)
class Filter:
    """Which rows: all that meet every condition given.

    `labels`: one of these; `since` <= classified_at < `until` (without an offset: local time); `min_score`: at least
    this, 0 to 1; `errors`: only frames that could not be classified; `limit`: at most so many.
    """

    labels: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    errors: bool = False
    limit: int | None = None


EVERYTHING = Filter()


def open_results(path: str | Path) -> Database:
    """Open the results database at `path` for reading only; close it when done. Does not disturb the writer.

    Raises:
        NoInput: there is no such file.
        WriteFailed: the operating system refuses access.
        BadDatabase: it is no results database, damaged, or of a newer edgecls.
    """
    path = Path(path)
    check_file(path)
    with translated(path):
        try:
            return _connected(path, "mode=ro")
        except sqlite3.OperationalError as error:
            # Even to read, WAL needs its two side files. Where they are gone (the writer closed the database) and
            # we may not make them (another user's folder, a read-only disk), nobody is writing: read the file alone.
            wal = path.with_name(path.name + "-wal")
            if is_locked(error) or (wal.exists() and wal.stat().st_size):
                raise
            return _connected(path, "mode=ro&immutable=1")


def _connected(path: Path, options: str) -> Database:
    db = connect(path, options)
    try:
        db.conn.execute("PRAGMA query_only=ON")
        db.conn.set_authorizer(_attaches_nothing)
        check_schema(db, path)
    except BaseException:
        db.close()
        raise
    return db


def find(db: Database, which: Filter = EVERYTHING) -> Iterator[Row]:
    """The rows that `which` asks for, newest first, as dicts of COLUMNS; read as they are iterated over.

    `top_k` is parsed: a list of {"label", "score"}, best first; so is `votes`, {label: count}, or None. Raises BadDatabase if the file turns out damaged.
    """
    where, values = _where(which)
    order = " ORDER BY classified_at DESC, results.id DESC LIMIT :limit"
    with translated(_file(db)):
        votes = "votes" if "votes" in db.table("results").columns_dict else "NULL"  # not yet migrated: only read
        for row in db.execute(
            _FIND.format(votes=votes) + where + order, {**values, "limit": -1 if which.limit is None else which.limit}
        ):
            found = dict(zip(COLUMNS, row, strict=True))
            found["top_k"] = json.loads(found["top_k"])
            found["votes"] = None if found["votes"] is None else json.loads(found["votes"])
            yield found


_FIND = """
    SELECT results.id, run_id, models.name, results.source, key, path, captured_at, classified_at, label, score, top_k,
           decode_ms, infer_ms, error, {votes}
    FROM results JOIN runs ON runs.id = run_id JOIN models ON models.id = model_id
"""


def _file(db: Database) -> str:
    """The path that `db` was opened by, for messages."""
    return str(db.conn.execute("PRAGMA database_list").fetchone()[2])


def _where(which: Filter) -> tuple[str, dict[str, Any]]:
    """The WHERE clause of `which` (limit aside) and the values of its parameters."""
    conditions = []
    values: dict[str, Any] = {}
    if which.labels:
        labels = {f"label{n}": storable(label) for n, label in enumerate(which.labels)}
        conditions.append(f"label IN ({', '.join(f':{name}' for name in labels)})")
        values |= labels
    if which.since is not None:
        conditions.append("classified_at >= :since")
        values["since"] = timestamp(which.since)
    if which.until is not None:
        conditions.append("classified_at < :until")
        values["until"] = timestamp(which.until)
    if which.min_score is not None:
        conditions.append("score >= :min_score")
        values["min_score"] = which.min_score
    if which.errors:
        conditions.append("error IS NOT NULL")
    return " WHERE " + " AND ".join(conditions) if conditions else "", values


def stats(db: Database, which: Filter = EVERYTHING) -> dict[str, Any]:
    """Summary of the rows that `which` asks for; its `limit` does not count.

    `rows` = `classified` + `unknown` + `errors`; `first_classified_at` and `last_classified_at` (UTC, null without
    rows); `runs`: how many runs wrote them; `labels`: {"label", "count", "share", "mean_score"}, most frequent
    first, share being that of all frames without an error; `models`: {"model", "sha256", "count"}; `decode_ms` and
    `infer_ms`: {"median", "p95"}, interpolated, null without values.
    """
    where, values = _where(which)
    with translated(_file(db)):
        totals = _rows(db, _TOTALS + where, {**values, "unknown": UNKNOWN})[0]
        labels = _rows(db, _LABELS + where + " GROUP BY label ORDER BY 2 DESC, 1", values)
        models = _rows(db, _MODELS + where + " GROUP BY models.id ORDER BY 3 DESC, 1", values)
        latencies = {column: _percentiles(db, column, where, values) for column in ("decode_ms", "infer_ms")}
    labelled = totals["classified"] + totals["unknown"]
    per_label = [{**row, "share": round(row["count"] / labelled, 6)} for row in labels if row["label"] is not None]
    return {**totals, **latencies, "labels": per_label, "models": models}


_TOTALS = """
    SELECT count(*) AS rows,
           count(CASE WHEN label <> :unknown THEN 1 END) AS classified,
           count(CASE WHEN label = :unknown THEN 1 END) AS unknown,
           count(*) - count(label) AS errors,
           min(classified_at) AS first_classified_at, max(classified_at) AS last_classified_at,
           count(DISTINCT run_id) AS runs
    FROM results
"""
_LABELS = "SELECT label, count(*) AS count, round(avg(score), 6) AS mean_score FROM results"
_MODELS = """
    SELECT models.name AS model, sha256, count(*) AS count
    FROM results JOIN runs ON runs.id = run_id JOIN models ON models.id = model_id
"""


def _rows(db: Database, sql: str, values: dict[str, Any]) -> list[Row]:
    cursor = db.execute(sql, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _percentiles(db: Database, column: str, where: str, values: dict[str, Any]) -> dict[str, float | None]:
    """Median and 95th percentile of `column` [ms], interpolated between neighbours; SQLite sorts, two rows come out."""
    count = db.execute(_COUNT.format(column=column) + where, values).fetchone()[0]
    if not count:
        return {"median": None, "p95": None}
    found: dict[str, float | None] = {}
    for name, share in (("median", 0.5), ("p95", 0.95)):
        rank = share * (count - 1)
        below = math.floor(rank)
        rows = db.execute(
            _SORTED.format(column=column) + where + _AT_RANK.format(column=column), {**values, "rank": below}
        )
        low, *rest = (row[0] for row in rows)
        found[name] = round(low + (rank - below) * ((rest[0] if rest else low) - low), 3)
    return found


_COUNT = "SELECT count({column}) FROM results"
_SORTED = "SELECT {column} FROM results"
_AT_RANK = " ORDER BY {column} IS NULL, {column} LIMIT 2 OFFSET :rank"


def run_sql(db: Database, sql: str) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Run one query: its column names (there even without rows; a repeated one gets `_2`) and its rows, read lazily.

    From then on `db` refuses everything but reading.

    Raises:
        UsageError: `sql` writes, attaches or changes a setting; or SQLite does not understand it. Also while
            iterating, where the query fails half-way.
    """
    db.conn.set_authorizer(_authorize)
    file = _file(db)
    with _explained(file):
        cursor = db.conn.execute(storable(sql))
    if cursor.description is None:
        raise UsageError("--sql only reads: give it a query that returns columns, such as SELECT")
    columns = tuple(dedupe_keys(column[0] for column in cursor.description))
    return columns, _fetched(cursor, columns, file)


def _fetched(cursor: sqlite3.Cursor, columns: Sequence[str], file: str) -> Iterator[Row]:
    with _explained(file):
        for row in cursor:
            yield dict(zip(columns, row, strict=True))


@contextmanager
def _explained(file: str) -> Iterator[None]:
    """Turn sqlite3's errors about a user's SQL on `file` into ours; a second statement is an sqlite3.Warning before 3.11."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        if any(phrase in str(error) for phrase in _REFUSALS):
            raise UsageError(
                "--sql only reads: use SELECT, or open the file with the sqlite3 shell to change it"
            ) from error
        ours = translation(error, file)
        raise ours or UsageError(f"--sql: {error}") from error


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


def _attaches_nothing(action: int, *_: str | None) -> int:
    """SQLite's question before it prepares a statement: mode=ro and query_only let ATTACH make a new file."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    """The same question about a user's SQL, which only reads."""
    if action == sqlite3.SQLITE_PRAGMA:
        allowed = first in _READING_PRAGMAS and not (first in _SETTINGS and second is not None)
    else:
        # Declaring a table-valued function (json_each) counts as an update of sqlite_master, and writes nothing.
        allowed = action in _READING or (action == sqlite3.SQLITE_UPDATE and first == "sqlite_master")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
