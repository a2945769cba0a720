"""The commands `backup` and `restore`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db
from edgecls.errors import BadConfig, Unavailable


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", readable=False, help="The backup file to write.")],
    *,
    db: Db = Path("results.db"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
) -> None:
    """Copy the database to OUT, also while the daemon is running. The copy is consistent and checked."""
    from edgecls.database.backup import back_up

    rows = back_up(db, out, force=force)
    how = f"edgecls restore {shlex.quote(str(out))} --db {shlex.quote(str(db))}"
    typer.echo(printable(f"edgecls: {out}: {rows} rows (to restore it, stop the daemon and run `{how}`)"), err=True)


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", readable=False, help="The backup file. It is only read.")],
    *,
    db: Db = Path("results.db"),
) -> None:
    """Replace the database with a backup. The old database is renamed and kept. Stop the daemon first."""
    from edgecls.database.reading import open_results
    from edgecls.database.restore import restore as restore_database
    from edgecls.device.lock import lock_database

    open_results(backup).close()  # before the lock creates a file next to the database
    try:
        lock = lock_database(db)
    except BadConfig as error:
        stop = "stop it with `sudo systemctl stop edgecls`, restore, and start it again"
        raise Unavailable(f"the database {db} is in use by a running edgecls: {stop}") from error
    with lock:
        rows, former = restore_database(backup, db)
    kept = f"; the old database is now {former}" if former else ""
    typer.echo(printable(f"edgecls: {db}: {rows} rows from {backup}{kept}"), err=True)
