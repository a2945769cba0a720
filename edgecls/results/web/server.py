"""The web server: the site on a port, until a signal stops it."""

import asyncio
import contextlib
import errno
import logging
import re
import socket
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.database.reading import open_results
from edgecls.errors import IoFailed, MissingExtra, UsageError

if TYPE_CHECKING:
    from edgecls.results.web.site import Site

_SECONDS_TO_FINISH = 2


def run_server(
    database: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    reviewing: bool = False,
    names: Sequence[str] = (),
    base_url: str = "/",
    open_browser: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the pages of `database` until SIGINT or SIGTERM.

    Args:
        database: The results database.
        host: The address to listen on.
        port: The port; 0 for any free one.
        reviewing: Let people write reviews.
        names: Hosts under which a proxy serves the pages (`pi.example:8443`); others are then refused.
        base_url: The path under which the proxy serves them.
        open_browser: Open a browser on this machine.
        report: Called with the address once the server listens, and with a warning if other machines can connect.

    Raises:
        MissingExtra: The extra `serve` is not installed.
        UsageError: The host is not of this machine, or `names` or `base_url` are invalid.
        IoFailed: The port is not available; to review, the database cannot be written to.
        InputNotFound, BadDatabase: As `open_results`.
    """
    _check_extra()
    from edgecls.results.active_learning.reviews import Reviews
    from edgecls.results.web.guard import LOOPBACK_NAMES, name_of
    from edgecls.results.web.plugin import create_site

    origins = frozenset(map(_validated_name, names))
    base_url = _validated_base_url(base_url)
    open_results(database).close()
    if reviewing:
        Reviews(database).close()  # it can be written to
    with closing(_listen(host, port)) as listener:
        address, port = listener.getsockname()[:2]
        is_here = address in LOOPBACK_NAMES or address.startswith("127.")
        own_names = LOOPBACK_NAMES | {address, host.lower()} | {name_of(origin) for origin in origins}
        site = create_site(
            database,
            reviewing=reviewing,
            names=own_names if is_here or origins else None,
            origins=origins,
            base_url=base_url,
        )
        if not is_here:
            access = "see the pictures and write reviews" if reviewing else "see the pictures"
            report(f"warning: everyone who can reach {host}, port {port}, can {access}: there is no password")
        url = f"http://{_for_url(host)}:{port}{base_url}{'review' if reviewing else ''}"
        report(f"serving {database} at {url} (Ctrl-C to stop)")
        if open_browser:
            webbrowser.open(url)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(site, listener))


def _check_extra() -> None:
    try:
        import datasette  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[serve]'") from None


def _validated_name(name: str) -> str:
    """Return a host with an optional port, as browsers write it. Raises UsageError."""
    from edgecls.results.web.guard import name_of

    plain = name.strip().lower()
    host = name_of(plain)
    ports = [plain] if plain in {host, f"[{host}]"} else re.findall(r":(\d{1,5})$", plain)
    if not host or not ports or re.search(r"[/?#@\s]", plain):
        raise UsageError(
            f"invalid --name {name}: use the host only, as in the browser's address: pi.example, pi.example:8443"
        )
    return plain


def _validated_base_url(path: str) -> str:
    """Return the path with a slash at both ends. Raises UsageError."""
    if not re.fullmatch(r"[\w.~/-]*", path, re.ASCII) or "//" in path:
        raise UsageError(f"invalid --base-url {path}: use the path only, such as /edgecls/")
    return f"/{path.strip('/')}/" if path.strip("/") else "/"


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"unknown host {host}: use an address of this machine with --host") from error
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"{host} is not an address of this machine: use one with --host") from error
        reason = "another program is using it" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise IoFailed(f"cannot listen on {host}, port {port} ({reason}): choose another port with --port") from error


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
