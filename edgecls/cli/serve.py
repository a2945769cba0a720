"""The commands that open the database in a browser."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db

Host = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; by default only this machine can come in.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")]
Name = Annotated[
    list[str] | None,
    typer.Option(
        "--name", metavar="HOST[:PORT]", help="Where a proxy shows the pages, as the browser's address has it; repeat."
    ),
]
BaseUrl = Annotated[
    str, typer.Option("--base-url", metavar="PATH", help="The path under which a proxy shows the pages: /edgecls/.")
]
Open = Annotated[bool, typer.Option("--open", help="Open a browser here.")]


def serve(
    *,
    db: Db = Path("results.db"),
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    base_url: BaseUrl = "/",
    open_browser: Open = False,
) -> None:
    """Look at the database in a browser: pictures, figures, tables. Nothing is written."""
    options = {"host": host, "port": port, "names": name or (), "base_url": base_url, "open_browser": open_browser}
    _serve(db, reviewing=False, **options)


def review(
    *,
    db: Db = Path("results.db"),
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    base_url: BaseUrl = "/",
    open_browser: Open = False,
) -> None:
    """Say in a browser what frames show, one key each; kept as reviews, beside what the model said."""
    options = {"host": host, "port": port, "names": name or (), "base_url": base_url, "open_browser": open_browser}
    _serve(db, reviewing=True, **options)


def _serve(db: Path, **options: Any) -> None:
    from edgecls.results.web.server import serve as listen

    def say(line: str) -> None:
        typer.echo(printable(f"edgecls: {line}"), err=True)

    listen(db, **options, say=say)
