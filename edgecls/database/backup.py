"""Copy a database while it is written to.

`VACUUM INTO` reads one snapshot: writers continue, and the copy is complete. SQLite's backup API starts again whenever another
process has written, so on a busy database it would have to copy all pages in one step. That takes 1.3 s for a million rows and
VACUUM INTO 1.9 s, but it also copies free and damaged pages, and the copy would be in WAL mode, which cannot be opened on a
read-only medium.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from edgecls.database.connection import connect, database_files
from edgecls.database.generations import set_first_generation
from edgecls.database.reading import connect_read_only, open_results
from edgecls.database.schema import change_database_id
from edgecls.database.sqlite_errors import is_damage, translate_errors
from edgecls.errors import BadDatabase, UsageError
from edgecls.files import check_not_input, check_writable, is_stream, replaced


def back_up(database: Path, out: Path, *, force: bool = False) -> int:
    """Copy `database` to `out`, which appears complete or not at all; return the number of its rows.

    The copy is checked (`quick_check`) and flushed to the disk before it gets its name. It keeps the id of the database.

    Raises:
        UsageError: `out` exists and `force` is not set, or it is the database itself, or is open in another process.
        InputNotFound: the database or the folder of `out` does not exist.
        Unavailable: the disk is full.
        IoFailed: the operating system refuses access.
        BadDatabase: `database` is damaged, or is not a results database.
    """
    open_results(database).close()
    check_writable(out)
    _check_name(database, out, force=force)
    try:
        with replaced(out, overwrite=force or is_stream(out)) as file:
            rows = write_copy(database, Path(file.name), out)
    except FileExistsError as error:
        raise _exists(out) from error
    return rows


def write_copy(database: Path, copy: Path, out: Path, *, new_id: bool = False) -> int:
    """Write a checked copy of `database` to the empty file `copy`; return its number of rows.

    Messages call the copy `out`. `new_id` gives it a database id of its own.
    """
    try:
        _copy(database, copy, out, new_id=new_id)
        return _verify(copy, out)
    finally:
        remove_side_files(copy)


def _check_name(database: Path, out: Path, *, force: bool) -> None:
    if out.exists() and out.samefile(database):
        raise UsageError(f"{out} is the database itself: name another file")
    check_not_input(out, *database_files(database))
    if is_stream(out) or not out.exists():
        return
    if not force:
        raise _exists(out)
    # SQLite would take a log that is left there for that of the copy.
    if any(os.path.lexists(path) for path in database_files(out)[1:]):
        raise UsageError(f"{out} is open in another process, or was not closed cleanly: name another file")


def _exists(out: Path) -> UsageError:
    return UsageError(f"{out} exists: name another file, or replace it with --force")


def _copy(database: Path, copy: Path, out: Path, *, new_id: bool) -> None:
    with translate_errors(database):
        opened = connect_read_only(database, _connect_and_read)
    with closing(opened) as db:
        try:
            db.conn.execute("VACUUM INTO ?", (str(copy),))
        except sqlite3.DatabaseError as error:
            # Apart from damage, problems of the database show when it is opened; any other error is about the copy.
            with translate_errors(database if is_damage(error) else out):
                raise
    with translate_errors(out), closing(connect(copy, "mode=rw")) as db:
        set_first_generation(db)  # the log of the database does not belong to the copy
        if new_id:
            change_database_id(db)


def _connect_and_read(database: Path, options: str) -> Database:
    db = connect(database, options)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _verify(copy: Path, out: Path) -> int:
    with translate_errors(out), closing(connect(copy, "mode=ro")) as db:
        finding = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if finding != "ok":
            raise BadDatabase(f"the copy for {out} is damaged ({finding}): check the disk, and try another")
        return int(db.execute("SELECT count(*) FROM results").fetchone()[0])


def remove_side_files(database: Path) -> None:
    """Remove the side files of a database that nobody has open."""
    for path in database_files(database)[1:]:
        path.unlink(missing_ok=True)
