"""Rename a database and the files that SQLite keeps beside it, so that nothing is deleted."""

import os
from datetime import datetime, timezone
from pathlib import Path

from edgecls.database.connection import SIDE_FILES
from edgecls.errors import from_os_error
from edgecls.files import flush_folder


def set_aside(path: Path, *, kind: str = "corrupt", suffixes: tuple[str, ...] = ("", *SIDE_FILES)) -> Path:
    """Rename the database at `path` and its side files to NAME.corrupt-TIME; return that name.

    TIME is the current time in UTC. `suffixes` chooses the files, all by default. Raises IoFailed where the system refuses.
    """
    name = free_name(path, kind)
    try:
        # The database first. If this process is killed in between, the next start finds a log without a database, and sets it
        # aside; a damaged database without its log might pass for a sound one.
        for suffix in suffixes:
            if os.path.lexists(f"{path}{suffix}"):
                os.rename(f"{path}{suffix}", f"{name}{suffix}")
        flush_folder(path.parent)
    except OSError as error:
        raise from_os_error(error, f"cannot set the damaged {path} aside") from error
    return name


def free_name(path: Path, kind: str) -> Path:
    """Return NAME.KIND-TIME, with a number appended if that name or one of its side files exists."""
    base = f"{path.name}.{kind}-{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    name, number = path.with_name(base), 1
    while any(os.path.lexists(f"{name}{suffix}") for suffix in ("", *SIDE_FILES)):
        number += 1
        name = path.with_name(f"{base}-{number}")
    return name
