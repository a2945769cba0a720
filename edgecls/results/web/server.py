"""Listening: the site on a port, until it is told to stop."""

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


def serve(
    database: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8001,
    reviewing: bool = False,
    names: Sequence[str] = (),
    base_url: str = "/",
    open_browser: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve pages on `database` at `host` and `port` (0: any free one) until SIGINT or SIGTERM.

    `reviewing`: people may write reviews. `names`: hosts under which a proxy shows the pages (`pi.example`, or with a
    port `pi.example:8443`); with them no others are answered, but for those of this machine. `base_url`: the path under
    which it shows them. `say` is told where, once it listens, and a warning if others may come in.

    Raises:
        MissingExtra: the extra `serve` is not installed.
        UsageError: there is no such host here, or `names` or `base_url` are not what they should be.
        IoFailed: the port is taken, or not allowed; or, to review, the database cannot be written to.
        InputNotFound, BadDatabase: as of `open_results`.
    """
    try:
        import datasette  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"{error.name} is not installed: pip install 'edgecls[serve]'") from None
    from edgecls.results.active_learning.reviews import Reviews
    from edgecls.results.web.guard import LOOPBACK_NAMES, name_of
    from edgecls.results.web.site import Site

    origins = frozenset(map(_checked_name, names))
    base_url = _checked_base(base_url)
    open_results(database).close()
    if reviewing:
        Reviews(database).close()  # it can be written to, and has the table
    with closing(_listening(host, port)) as listener:
        address, port = listener.getsockname()[:2]
        is_here = address in LOOPBACK_NAMES or address.startswith("127.")
        own_names = LOOPBACK_NAMES | {address, host.lower()} | {name_of(origin) for origin in origins}
        site = Site(
            database,
            reviewing=reviewing,
            names=own_names if is_here or origins else None,
            origins=origins,
            base_url=base_url,
        )
        if not is_here:
            may = "see the pictures and write reviews" if reviewing else "see the pictures"
            say(f"warning: whoever can reach {host}, port {port}, may {may}: there is no password")
        url = f"http://{_for_url(host)}:{port}{base_url}{'review' if reviewing else ''}"
        say(f"{database} is at {url} (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(url)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_run(site, listener))


def _checked_name(name: str) -> str:
    """Return a host, perhaps with a port, as browsers write it. Raises UsageError."""
    from edgecls.results.web.guard import name_of

    plain = name.strip().lower()
    host = name_of(plain)
    ports = [plain] if plain in {host, f"[{host}]"} else re.findall(r":(\d{1,5})$", plain)
    if not host or not ports or re.search(r"[/?#@\s]", plain):
        raise UsageError(
            f"--name {name}: give the host alone, as the browser's address has it: pi.example, pi.example:8443"
        )
    return plain


def _checked_base(path: str) -> str:
    """Return the path from / to /. Raises UsageError."""
    if not re.fullmatch(r"[\w.~/-]*", path, re.ASCII) or "//" in path:
        raise UsageError(f"--base-url {path}: give the path alone, such as /edgecls/")
    return f"/{path.strip('/')}/" if path.strip("/") else "/"


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
        raise IoFailed(f"cannot listen at {host}, port {port} ({reason}): name another with --port") from error


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
