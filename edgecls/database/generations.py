"""Which log belongs to which database file.

SQLite writes to a log beside the file (FILE-wal), and takes whatever log it finds there for the file's own: a backup that
is copied to the name of a database whose log is still there is overwritten page by page. So the header's `user_version`
counts generations of the log. Who opens the database for writing, or has written the log back into the file, increments
the number, which puts the first page into the log: the file says n, and its log begins with n + 1.
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
"""Where they are in the header of a database [bytes from its beginning]; https://www.sqlite.org/fileformat2.html"""
_WAL_HEADER, _FRAME_HEADER = 32, 24
_MAGIC = (0x377F0682, 0x377F0683)
_LOOKS, _PAUSE_S = 4, 0.05


def next_generation(number: int) -> int:
    """Return the number that follows `number`."""
    return number % LARGEST + 1


def set_first_generation(db: Database) -> None:
    """Let the generations of the log begin at random (see `generations`): no two databases then have the same."""
    db.execute(f"PRAGMA user_version = {1 + secrets.randbelow(2**30)}")


def count_generation(db: Database) -> None:
    """Let the log of `db` contain a first page with the next number: to be called once its former content was written back.

    Any process that has opened the database for writing may do so, at any time. Raises what SQLite raises.
    """
    (number,) = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version = {next_generation(number)}")


def check_log(path: Path) -> None:
    """Raise BadDatabase if the log beside the database at `path` is certainly not its own."""
    if has_foreign_log(path):
        raise BadDatabase(
            f"{path}-wal is the log of another database than {path}: a copy was put over a database that had not been"
            f" closed; to use the copy, move {path}-wal and {path}-shm away (`edgecls restore` does all this itself)"
        )


def has_foreign_log(path: Path, log: Path | None = None) -> bool:
    """Return whether the log beside the database at `path` is certainly of another database, or of an older state of it.

    A log that does not contain the first page says nothing, and passes. Nothing is changed. A daemon may be working on
    both files meanwhile, so it takes several looks to be sure. `log`: its path, if not FILE-wal.
    """
    path = Path(os.path.realpath(path))  # the log lies beside the file, not beside a link to it
    log = path.with_name(f"{path.name}-wal") if log is None else log
    return all(_is_foreign(path, log, pause=_PAUSE_S if look else 0.0) for look in range(_LOOKS))


class _Page1(NamedTuple):
    """What a first page says: its generation, and how often the tables of the database were changed."""

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
    if in_file is None or not in_log or in_file == (0, 0):  # (0, 0): a database without tables, still to be made
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
    """What the file alone says; None where it cannot be read.

    By SQLite: to close a descriptor of the file would drop the locks that this process holds on it.
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
    """What each first page says that the log contains, in order of writing; nothing where it cannot be read."""
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
