"""Replace a database by a backup, and keep the former database under another name."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from edgecls import system
from edgecls.database.backup import write_copy
from edgecls.database.connection import SIDE_FILES, database_files
from edgecls.database.reading import open_results
from edgecls.database.renaming import free_name
from edgecls.errors import UsageError
from edgecls.files import replaced


class Restored(NamedTuple):
    """The number of rows restored, and the path of the former database; None if there was none."""

    rows: int
    former: Path | None


def restore(backup: Path, database: Path) -> Restored:
    """Put a checked copy of `backup` at `database`, with the owner and mode of the former file.

    The former file, sound or not, is renamed with its log to DATABASE.before-restore-TIME. The copy gets a new database id: the
    rows after the backup are not in it, and their ids are assigned again. The caller ensures that no daemon has the database open.

    Raises:
        UsageError: both are the same file.
        InputNotFound: the backup or the folder of the database does not exist.
        BadDatabase: `backup` is damaged, or is not a results database.
        IoFailed: the disk is full, or the system refuses access. The former database keeps its name then.
    """
    open_results(backup).close()
    database = Path(os.path.realpath(database))
    if database.exists() and database.samefile(backup):
        raise UsageError(f"{backup} is the database itself: name a backup of it")
    if database.exists() and not database.is_file():
        raise UsageError(f"cannot restore to {database}: it is a folder or a device: name a file")
    former, is_new = None, not database.exists()
    with replaced(database) as file:
        rows = write_copy(backup, Path(file.name), database, new_id=True)
        if is_new:
            _give_to_owner(Path(file.name), database.parent)
        if any(os.path.lexists(path) for path in database_files(database)):
            former = _rename(database)
    return Restored(rows, former)


def _give_to_owner(copy: Path, folder: Path) -> None:
    """Let the service's user write to what root has restored."""
    status = folder.stat()
    with suppress(PermissionError):
        system.change_owner(copy, status.st_uid, status.st_gid)


def _rename(database: Path) -> Path:
    """Rename the database and its log; return the new name.

    Where the file system has hard links, the file also keeps its name until the copy takes it: after a power cut one of the two
    has that name.
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
