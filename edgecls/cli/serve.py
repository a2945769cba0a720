"""The commands `serve` and `review`: the database in a browser."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edgecls.cli.output import printable
from edgecls.cli.result_options import Db

Host = Annotated[
    str,
    typer.Option("--host", metavar="ADDRESS", help="Address to listen on; by default only this machine can connect."),
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 for any free one.")]
Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="HOST[:PORT]", help="Host under which a proxy serves the pages; repeatable."),
]
BaseUrl = Annotated[
    str, typer.Option("--base-url", metavar="PATH", help="Path under which a proxy serves the pages: /edgecls/.")
]
Open = Annotated[bool, typer.Option("--open", help="Open a browser on this machine.")]


def serve(
    *,
    db: Db = Path("results.db"),
    host: Host = "127.0.0.1",
    port: Port = 8001,
    name: Name = None,
    base_url: BaseUrl = "/",
    open_browser: Open = False,
) -> None:
    """Show the database in a browser: pictures, statistics and tables, read-only."""
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
    """Review frames in a browser: set the correct label with one key; predictions stay unchanged."""
    options = {"host": host, "port": port, "names": name or (), "base_url": base_url, "open_browser": open_browser}
    _run(db, reviewing=True, **options)


def _run(db: Path, **options: Any) -> None:
    from edgecls.results.web.server import run_server

    def report(line: str) -> None:
        typer.echo(printable(f"edgecls: {line}"), err=True)

    run_server(db, **options, report=report)
