"""The commands `serve` and `review`: show the database in a browser."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db

Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="The address to listen on. With the default, only this machine can connect."
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="The port to listen on. 0: any free port.")
]
Name = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="HOST[:PORT]",
        help="The host name under which a reverse proxy serves the pages. May be repeated.",
    ),
]
BaseUrl = Annotated[
    str,
    typer.Option(
        "--base-url", metavar="PATH", help="The path under which a reverse proxy serves the pages, such as /edgecls/."
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Open the pages in a browser.")]


def serve(
    *,
    db: Db = Path("results.db"),
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    base_url: BaseUrl = "/",
    open_browser: Open = False,
) -> None:
    """Show the images, statistics and tables of the database in a browser. Nothing is changed."""
    options = {"host": host, "port": port, "names": name or (), "base_url": base_url, "open_browser": open_browser}
    _run(db, reviewing=False, **options)


def review(
    *,
    db: Db = Path("results.db"),
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    base_url: BaseUrl = "/",
    open_browser: Open = False,
) -> None:
    """Review frames in a browser: set the correct label with one key. Predictions stay unchanged."""
    options = {"host": host, "port": port, "names": name or (), "base_url": base_url, "open_browser": open_browser}
    _run(db, reviewing=True, **options)


def _run(db: Path, **options: Any) -> None:
    from edgecls.results.web.server import run_server

    def report(line: str) -> None:
        typer.echo(printable(f"edgecls: {line}"), err=True)

    run_server(db, **options, report=report)
