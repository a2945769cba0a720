"""Listening: the site on a port, until it is told to stop."""

import asyncio
import contextlib
import errno
import logging
import socket
import webbrowser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.errors import MissingExtra, UsageError, WriteFailed
from edgecls.results.queries import open_results

if TYPE_CHECKING:
    from edgecls.results.serve.site import Site

_SECONDS_TO_FINISH = 2


def serve(
    database: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    reviewing: bool = False,
    open_browser: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve pages on `database` at `host` and `port` (0: any free one) until SIGINT or SIGTERM.

    `reviewing`: people may write reviews. `say` is told where, once it listens, and a warning if others may come in.

    Raises:
        MissingExtra: the extra `serve` is not installed.
        UsageError: there is no such host here.
        WriteFailed: the port is taken, or not allowed; or, to review, the database cannot be written to.
        NoInput, BadDatabase: as of `open_results`.
    """
    try:
        import datasette  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[serve]'") from None
    from edgecls.results.next_model.reviews import Reviews
    from edgecls.results.serve.guard import LOOPBACK_NAMES
    from edgecls.results.serve.site import Site

    open_results(database).close()
    if reviewing:
        Reviews(database).close()  # it can be written to, and has the table
    with closing(_listening(host, port)) as listener:
        address, port = listener.getsockname()[:2]
        is_here = address in LOOPBACK_NAMES or address.startswith("127.")
        site = Site(database, reviewing=reviewing, names=LOOPBACK_NAMES | {address, host} if is_here else None)
        if not is_here:
            may = "see the pictures and write reviews" if reviewing else "see the pictures"
            say(f"warning: whoever can reach {host}, port {port}, may {may}: there is no password")
        url = f"http://{_for_url(host)}:{port}/{'review' if reviewing else ''}"
        say(f"{database} is at {url} (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(url)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(site, listener))


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens: browsers may come from now on."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"there is no host {host}: name an address of this machine with --host") from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"{host} is not this machine: name an address of this machine with --host") from error
        reason = "another program listens there" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise WriteFailed(f"cannot listen at {host}, port {port} ({reason}): name another with --port") from error


async def _run(site: "Site", listener: socket.socket) -> None:
    import uvicorn

    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    await site.invoke_startup()
    config = uvicorn.Config(
        site.app(), log_config=None, access_log=False, timeout_graceful_shutdown=_SECONDS_TO_FINISH, server_header=False
    )
    await uvicorn.Server(config).serve(sockets=[listener])


def _for_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
