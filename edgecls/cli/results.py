"""Commands of the results wing that are about the file as a whole."""

from pathlib import Path
from typing import Annotated

import typer

from edgecls.cli.result_options import Db


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", readable=False, help="The file to write.")],
    *,
    db: Db = Path("results.db"),
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
) -> None:
    """Copy the database to OUT, also while the daemon writes to it: of one moment, checked, whole or not at all."""
    from edgecls.results.backup import back_up

    rows = back_up(db, out, force=force)
    typer.echo(f"edgecls: {out}: {rows} rows", err=True)
