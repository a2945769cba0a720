"""The commands that open the database in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; by default only this machine can come in.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")]
Open = Annotated[bool, typer.Option("--open", help="Open a browser here.")]


def serve(
    *, db: Db = Path("results.db"), host: Host = "127.0.0.1", port: Port = 8001, open_browser: Open = False
) -> None:
    """Look at the database in a browser: pictures, figures, tables. Nothing is written."""
    _serve(db, host, port, reviewing=False, open_browser=open_browser)


def review(
    *, db: Db = Path("results.db"), host: Host = "127.0.0.1", port: Port = 8001, open_browser: Open = False
) -> None:
    """Say in a browser what frames show, one key each; kept as reviews, beside what the model said."""
    _serve(db, host, port, reviewing=True, open_browser=open_browser)


def _serve(db: Path, host: str, port: int, *, reviewing: bool, open_browser: bool) -> None:
    from edgecls.results.serve.server import serve as listen

    def say(line: str) -> None:
        typer.echo(printable(f"edgecls: {line}"), err=True)

    listen(db, host=host, port=port, reviewing=reviewing, open_browser=open_browser, say=say)
