"""Commands of the results wing that are about the file as a whole."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db
from edgecls.errors import BadConfig, Unavailable


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", readable=False, help="The file to write.")],
    *,
    db: Db = Path("results.db"),
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
) -> None:
    """Copy the database to OUT, also while the daemon writes to it: of one moment, checked, whole or not at all."""
    from edgecls.database.backup import back_up

    rows = back_up(db, out, force=force)
    how = f"edgecls restore {shlex.quote(str(out))} --db {shlex.quote(str(db))}"
    typer.echo(printable(f"edgecls: {out}: {rows} rows (to restore it: stop the daemon, then `{how}`)"), err=True)


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", readable=False, help="The backup; only read.")],
    *,
    db: Db = Path("results.db"),
) -> None:
    """Put a backup in the place of the database, which is kept under another name. Stop the daemon first."""
    from edgecls.database.reading import open_results
    from edgecls.database.restore import restore as restore_database
    from edgecls.device.lock import lock_database

    open_results(backup).close()  # before the lock makes a file beside the database
    try:
        lock = lock_database(db)
    except BadConfig as error:
        stop = "stop it first (sudo systemctl stop edgecls), and start it again afterwards"
        raise Unavailable(f"a running edgecls has the database {db}: {stop}") from error
    with lock:
        rows, former = restore_database(backup, db)
    kept = f"; what was there is now {former}" if former else ""
    typer.echo(printable(f"edgecls: {db}: {rows} rows from {backup}{kept}"), err=True)
