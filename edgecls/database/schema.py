"""What a results database is: how a time and a text are stored, how a file is opened and checked.

sqlite3's errors are translated here, in `translated`, and nowhere else.
"""

import os
import secrets
import shlex
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.migrations import MIGRATIONS, NAMES
from edgecls.errors import BadDatabase, EdgeclsError, InputNotFound, IoFailed, Unavailable, from_os_error

BUSY_TIMEOUT_S = 10.0
"""How long to wait for another process's transaction; ours take about a millisecond each."""

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a file that is open, by what is appended to its name."""

SMALLEST_PAGE = 512
"""Of SQLite [bytes]: no database is shorter, but for an empty one."""

TABLES = frozenset({"models", "runs", "results"})


def with_side_files(database: Path) -> list[Path]:
    """Return the file that `database` leads to, and what SQLite may keep beside it, whether or not that is there."""
    real = os.path.realpath(database)
    return [Path(f"{real}{suffix}") for suffix in ("", *SIDE_FILES)]


def timestamp(time: datetime) -> str:
    """`time` as the database stores it, such as `2026-11-24T12:00:00.000Z`; without an offset it is local time."""
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parsed(text: str) -> datetime:
    """A time as the database stores it, back: aware, in UTC. Raises ValueError for what is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python takes the Z from 3.11 on


def storable(text: str) -> str:
    r"""`text` with lone surrogates written as `\udcff`: SQLite's text is UTF-8 and has no place for them.

    They come from file names that are not UTF-8, so such a path reads well but no longer opens the file.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def connect(path: Path, options: str, *, busy_timeout: float | None = None) -> Database:
    """Open `path` with URI `options` ("mode=ro"); nothing is read yet. In autocommit: a statement is a transaction.

    `busy_timeout`: seconds to wait for another process; by default BUSY_TIMEOUT_S.
    """
    # as_uri quotes ?, # and %, makes the path absolute (":memory:" is a file too), and passes any bytes through.
    uri = f"{path.absolute().as_uri()}?{options}"
    timeout = BUSY_TIMEOUT_S if busy_timeout is None else busy_timeout
    connection = sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)
    return Database(connection, execute_plugins=False)


def file_of(db: Database) -> str:
    """The path that `db` was opened by, for messages."""
    return str(db.conn.execute("PRAGMA database_list").fetchone()[2])


def migrate(db: Database) -> None:
    """Apply what is missing, all or nothing, so that two processes starting together take turns."""
    with immediate(db):
        is_new = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        MIGRATIONS.apply(db)
        if is_new:
            set_first_generation(db)


def set_first_generation(db: Database) -> None:
    """Let the generations of the log begin at random (see `generations`): no two databases then have the same."""
    db.execute(f"PRAGMA user_version = {1 + secrets.randbelow(2**30)}")


@contextmanager
def immediate(db: Database) -> Iterator[None]:
    """A transaction that is the writer's from its beginning: it waits for another one, and is not refused half-way."""
    db.conn.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.conn.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise


@contextmanager
def one_moment(db: Database) -> Iterator[None]:
    """All that is read inside is of one moment, whoever writes meanwhile."""
    db.conn.execute("BEGIN")
    try:
        yield
    finally:
        db.conn.execute("ROLLBACK")


def check_file(path: Path) -> None:
    """Raise unless `path` is a regular file of a possible size; SQLite looks into it later.

    It is not opened here: when a process closes any descriptor of a file, POSIX drops all its locks on that file,
    also those of a Store in the same process, and another process could then take the log away from under it.

    Raises:
        InputNotFound: there is no such file.
        IoFailed: the operating system refuses to look.
        BadDatabase: it is a folder, a device, or too short.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        remedy = "check the path; edgecls run and edgecls classify --db make databases"
        raise InputNotFound(f"cannot read {path}: no such file or folder: {remedy}") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    if not stat.S_ISREG(found.st_mode):
        raise BadDatabase(f"{path} is not a SQLite database: it is a folder or a device, name a file")
    if 0 < found.st_size < SMALLEST_PAGE:  # SQLite takes a single byte for an empty database
        raise BadDatabase(f"{path} is not a SQLite database{_NAME_ONE}")


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


def is_locked(error: BaseException | None) -> bool:
    """Whether `error` is sqlite3's for a file that another process holds."""
    return isinstance(error, sqlite3.OperationalError) and (
        "is locked" in str(error) or str(error) == "locking protocol"
    )


def is_damage(error: BaseException | None) -> bool:
    """Whether `error` is sqlite3's for a file that is broken, or is no database at all."""
    return isinstance(error, sqlite3.DatabaseError) and any(phrase in str(error) for phrase in _DAMAGE)


def is_index_damage(error: BaseException | None) -> bool:
    """Return whether `error` is sqlite3's for a search index that is broken, while the rows need not be."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    text = str(error)
    # FTS5 says no more than this where it finds its own tables other than it has left them.
    return text in ("constraint failed", "SQL logic error") or any(phrase in text for phrase in _INDEX_DAMAGE)


_INDEX_DAMAGE = ("vtable constructor failed: results_text", "fts5", "results_text")
_DAMAGE = ("file is not a database", "disk image is malformed", "malformed database schema")


@contextmanager
def translated(name: str | Path) -> Iterator[None]:
    """Turn sqlite3's errors about the file called `name` into ours; those that would be bugs of ours pass unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        ours = translation(error, name)
        if ours is None:
            raise
        raise ours from error


def translation(error: Exception, name: str | Path) -> EdgeclsError | None:
    """What `error` says about the file called `name`; None if it is not about the file.

    By the text: Python has SQLite's error codes only from 3.11 on.
    """
    if is_locked(error):
        return Unavailable(f"another process holds {name}: wait until it is done, or stop it")
    said = str(error)
    for phrase, kind, remedy in _TRANSLATIONS:
        if phrase in said:
            cause = _LOG_BESIDE if remedy is _DAMAGED and _has_log(name) else ""
            return kind(f"{name}{remedy.format(file=shlex.quote(str(name)))}{cause.format(name=name)}")
    return None


def _has_log(name: str | Path) -> bool:
    log = with_side_files(Path(name))[1]
    return log.is_file() and log.stat().st_size > 0


_LOG_BESIDE = (
    " (was a backup copied over a database that was in use? Then {name}-wal is the log of the former one: move it away and"
    " open {name} again; `edgecls restore` avoids this)"
)


_NAME_ONE = ": name one that edgecls wrote, or a new file"
_DAMAGED = " is damaged: rescue its rows with `sqlite3 {file} .dump`, or name another file"
_INDEX = " has a damaged search index: `edgecls run` makes it anew at its next start, and all rows are there"
_NO_ACCESS = " cannot be opened: check owner, mode and mount of the file and its folder, or name another"
_TRANSLATIONS: tuple[tuple[str, type[EdgeclsError], str], ...] = (
    ("file is not a database", BadDatabase, f" is not a SQLite database{_NAME_ONE}"),
    ("disk image is malformed", BadDatabase, _DAMAGED),
    ("malformed database schema", BadDatabase, _DAMAGED),
    ("disk is full", Unavailable, ": the disk is full: free some space"),
    ("vtable constructor failed: results_text", BadDatabase, _INDEX),
    ("fts5", BadDatabase, _INDEX),
    ("no such table: main.results_text", BadDatabase, _INDEX),
    # Also what a full disk says where it is the shared memory of the log that finds no room.
    ("disk I/O error", Unavailable, " (disk I/O error): the disk is full or failing: free some space, or replace it"),
    ("readonly database", IoFailed, " is read-only: check owner, mode and mount, or name another file"),
    ("unable to open", IoFailed, _NO_ACCESS),
    ("permission denied", IoFailed, _NO_ACCESS),
)
