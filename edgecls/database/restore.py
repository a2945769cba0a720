"""Putting a backup in the place of a database, which is kept under another name."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edgecls import system
from edgecls.database.backup import write_copy
from edgecls.database.connection import SIDE_FILES, database_files
from edgecls.database.health import free_name
from edgecls.database.reading import open_results
from edgecls.errors import UsageError
from edgecls.files import replaced


class Restored(NamedTuple):
    """What `restore` has done: the number of rows, and where the former database is now; None if there was none."""

    rows: int
    former: Path | None


def restore(backup: Path, database: Path) -> Restored:
    """Put a checked copy of `backup` at `database`, with owner and mode of the file that was there.

    What was there, sound or not, is renamed with its log to DATABASE.before-restore-TIME, never deleted. The caller sees
    to it that no daemon has the database open.

    Raises:
        UsageError: both are the same file.
        InputNotFound: there is no such backup, or no folder for the database.
        BadDatabase: `backup` is damaged, or no results database.
        IoFailed: the disk is full, or the system refuses. The former database is where it was then.
    """
    open_results(backup).close()
    database = Path(os.path.realpath(database))
    if database.exists() and database.samefile(backup):
        raise UsageError(f"{backup} is the database itself: name the backup that is to take its place")
    if database.exists() and not database.is_file():
        raise UsageError(f"cannot restore to {database}: it is a folder or a device: name a file")
    former, is_new = None, not database.exists()
    with replaced(database) as file:
        rows = write_copy(backup, Path(file.name), database)
        if is_new:
            _give_to_owner(Path(file.name), database.parent)
        if any(os.path.lexists(path) for path in database_files(database)):
            former = _keep(database)
    return Restored(rows, former)


def _give_to_owner(copy: Path, folder: Path) -> None:
    """So that the service's user can write to what root has restored."""
    status = folder.stat()
    with suppress(PermissionError):
        system.change_owner(copy, status.st_uid, status.st_gid)


def _keep(database: Path) -> Path:
    """Give the database another name, and its log with it; returns that name.

    The file stays at its name too until the copy takes that, where the file system has hard links: a power cut leaves one of
    the two there.
    """
    former = free_name(database, "before-restore")
    if os.path.lexists(database):
        try:
            os.link(database, former)
        except OSError:
            os.rename(database, former)
    for suffix in SIDE_FILES:
        if os.path.lexists(f"{database}{suffix}"):
            os.rename(f"{database}{suffix}", f"{former}{suffix}")
    return former
