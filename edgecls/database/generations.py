"""Tell whether a log belongs to the database file beside it.

SQLite writes to a log beside the file (FILE-wal), and takes any log that it finds there for the file's own: a backup copied over a
database whose log still exists is overwritten page by page. Therefore `user_version` in the header counts generations of the log.
Whoever opens the database for writing, or has checkpointed it, increments the number, which writes the first page into the log: if
the file has generation n, its log begins with n + 1.
"""

import contextlib
import os
import secrets
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database

from edgecls.database.connection import connect
from edgecls.errors import BadDatabase

LARGEST = 2**31 - 1
_USER_VERSION, _SCHEMA = 60, 40
"""Their offsets in the header of a database [bytes]: https://www.sqlite.org/fileformat2.html"""
_WAL_HEADER, _FRAME_HEADER = 32, 24
_MAGIC = (0x377F0682, 0x377F0683)
_LOOKS, _PAUSE_S = 4, 0.05


def next_generation(number: int) -> int:
    """Return the number that follows `number`."""
    return number % LARGEST + 1


def set_first_generation(db: Database) -> None:
    """Set a random first generation, so that no two databases have the same."""
    db.execute(f"PRAGMA user_version = {1 + secrets.randbelow(2**30)}")


def start_generation(db: Database) -> None:
    """Write a first page with the next generation into the log of `db`; call it after a checkpoint.

    Any process that has opened the database for writing may call it at any time. Raises what SQLite raises.
    """
    (number,) = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version = {next_generation(number)}")


def check_log(path: Path) -> None:
    """Raise BadDatabase if the log beside the database at `path` certainly belongs to another database."""
    if has_foreign_log(path):
        raise BadDatabase(
            f"{path}-wal is the log of another database: {path} was copied over a database that was not closed; to use the"
            f" copy, move {path}-wal and {path}-shm away (`edgecls restore` does this itself)"
        )


def has_foreign_log(path: Path, log: Path | None = None) -> bool:
    """Return whether the log beside the database at `path` certainly belongs to another database or an older state of it.

    A log without the first page proves nothing, and passes. Nothing is changed. A daemon may write to both files meanwhile, so
    several looks are needed. `log`: its path, FILE-wal by default.
    """
    path = Path(os.path.realpath(path))  # the log lies beside the file, not beside a link to it
    log = path.with_name(f"{path.name}-wal") if log is None else log
    return all(_is_foreign(path, log, pause=_PAUSE_S if look else 0.0) for look in range(_LOOKS))


class _Page1(NamedTuple):
    """Fields of a first page: the generation, and SQLite's counter of schema changes."""

    generation: int
    schema: int


NOT_A_DATABASE = _Page1(-1, -1)


def _is_foreign(path: Path, log: Path, *, pause: float) -> bool:
    time.sleep(pause)
    if not _has_content(log):
        return False
    in_file = _first_page_of_file(path)
    in_log = list(_first_pages_of_log(log))
    if in_file is NOT_A_DATABASE:
        return True
    if in_file is None or not in_log or in_file == (0, 0):  # (0, 0): a database whose tables are still to be created
        return False
    follows = in_log[0].generation == next_generation(in_file.generation)
    if not follows and in_file.generation not in {page.generation for page in in_log}:
        return True
    return in_file.schema > in_log[-1].schema  # as in a copy by VACUUM, whose pages are not where they were


def _has_content(log: Path) -> bool:
    try:
        return log.stat().st_size > _WAL_HEADER
    except OSError:
        return False


def _first_page_of_file(path: Path) -> _Page1 | None:
    """Read the first page of the file without its log; None if it cannot be read.

    SQLite reads it: closing a descriptor of our own would drop the locks that this process holds on the file.
    """
    try:
        with closing(connect(path, "mode=ro&immutable=1")) as db:
            (generation,), (schema,) = (
                db.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "schema_version")
            )
            return _Page1(generation, schema)
    except sqlite3.Error as error:
        return NOT_A_DATABASE if "file is not a database" in str(error) else None


def _first_pages_of_log(log: Path) -> Iterator[_Page1]:
    """Yield each first page in the log, in order of writing; nothing if the log cannot be read."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        header = file.read(_WAL_HEADER)
        if len(header) < _WAL_HEADER:
            return
        magic, _, page_size, _, *salts = struct.unpack(">6I", header[:24])
        if magic not in _MAGIC or not 512 <= page_size <= 65536:
            return
        while len(frame := file.read(_FRAME_HEADER)) == _FRAME_HEADER:
            page, _, *frame_salts = struct.unpack(">4I", frame[:16])
            if frame_salts != salts:  # left over from an earlier generation
                return
            if page == 1:
                content = file.read(page_size)
                if len(content) == page_size:
                    yield _Page1(*(struct.unpack_from(">i", content, at)[0] for at in (_USER_VERSION, _SCHEMA)))
            else:
                file.seek(page_size, os.SEEK_CUR)
