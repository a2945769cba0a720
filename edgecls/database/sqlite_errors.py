"""Translate sqlite3's errors into those of edgecls; this happens nowhere else."""

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgecls.database.connection import NAME_ANOTHER, database_files
from edgecls.errors import BadDatabase, EdgeclsError, IoFailed, Unavailable


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
def translate_errors(name: str | Path) -> Iterator[None]:
    """Turn sqlite3's errors about the file called `name` into ours; those that would be bugs of ours pass unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        ours = translate_error(error, name)
        if ours is None:
            raise
        raise ours from error


def translate_error(error: Exception, name: str | Path) -> EdgeclsError | None:
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
    log = database_files(Path(name))[1]
    return log.is_file() and log.stat().st_size > 0


_LOG_BESIDE = (
    " (was a backup copied over a database that was in use? Then {name}-wal is the log of the former one: move it away and"
    " open {name} again; `edgecls restore` avoids this)"
)


_DAMAGED = " is damaged: rescue its rows with `sqlite3 {file} .dump`, or name another file"
_INDEX = " has a damaged search index: `edgecls run` makes it anew at its next start, and all rows are there"
_NO_ACCESS = " cannot be opened: check owner, mode and mount of the file and its folder, or name another"
_TRANSLATIONS: tuple[tuple[str, type[EdgeclsError], str], ...] = (
    ("file is not a database", BadDatabase, f" is not a SQLite database{NAME_ANOTHER}"),
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
