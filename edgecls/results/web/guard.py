"""The checks on every request, and the security headers of every response."""

import secrets
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_READING = {"GET", "HEAD"}
_PICTURES = ("/picture/", "/thumbnail/")
_KEPT = b"private, max-age=604800"
"""The caching of pictures, whose address contains a hash of the frame: see `pictures.picture_address`."""


class Guard:
    """Wraps `app`: refuses invalid requests and adds security headers to responses.

    Args:
        app: The application.
        names: The host names that are served, None for any. On a loopback address only these are: a page from elsewhere
            whose name is made to point here (DNS rebinding) would request its own name.
        origins: Hosts, with a port or without one for any, under which a proxy serves this site.
        base_url: The path under which the proxy does, from / to /; a proxy may pass it on or strip it.
        writable: Paths that accept forms, from pages of this site only.
        styles: Further CSP sources for styles.
    """

    def __init__(
        self,
        app: Application,
        *,
        names: frozenset[str] | None,
        origins: frozenset[str] = frozenset(),
        base_url: str = "/",
        writable: frozenset[str] = frozenset(),
        styles: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._names = names
        self._origins = origins
        self._base_url = base_url
        self._writable = writable
        self._styles = " ".join(styles)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an ASGI request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope = self._within_base(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = self._headers(nonce)
                theirs = [each for each in self._kept(scope, message) if each[0] not in dict(ours)]
                message = {**message, "headers": [*theirs, *ours]}
            await send(message)

        if refusal := self._refusal(scope):
            await _answer(send_guarded, *refusal)
        else:
            await self._app({**scope, "csp_nonce": nonce}, receive, send_guarded)

    def _within_base(self, scope: Scope) -> Scope:
        """Return the request without the base path, whether or not the proxy has stripped it."""
        path, cut = scope["path"], len(self._base_url) - 1
        raw = scope.get("raw_path") or path.encode()
        if not (f"{path}/".startswith(self._base_url) and raw.startswith(self._base_url[:-1].encode())):
            return scope
        return {**scope, "path": path[cut:] or "/", "raw_path": raw[cut:] or b"/"}

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._names is not None and name_of(host) not in self._names:
            return (
                403,
                f"This server serves {', '.join(sorted(self._names))} only: open one of these, or add a name with --name.\n",
            )
        if scope["method"] in _READING:
            return None
        if scope["method"] != "POST" or scope["path"] not in self._writable:
            return 405, "This server is read-only.\n"
        # The token in the form is checked further in (asgi-csrf), but only where there is a cookie.
        origin = _netloc(headers.get(b"origin", ""))
        is_own = bool(host) and (origin == host.lower() or not self._origins.isdisjoint({origin, name_of(origin)}))
        if not is_own or b"cookie" not in headers:
            return 403, (
                "Only a page of this server may send this form: reload the page and allow cookies; behind a proxy, start "
                "edgecls with --name and the host in the address of the page.\n"
            )
        return None

    def _headers(self, nonce: str) -> list[tuple[bytes, bytes]]:
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}' {self._styles}; "
            "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"same-origin"),  # with no-referrer, browsers hide the origin of our own forms too
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]

    @staticmethod
    def _kept(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
        """Return the headers of `message`. Datasette forbids caching once there is a cookie; pictures are cached."""
        headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", [])]
        if message["status"] != 200 or not scope["path"].startswith(_PICTURES):
            return headers
        others = [(name, value) for name, value in headers if name not in {b"cache-control", b"vary"}]
        return [*others, (b"cache-control", _KEPT)]


def _netloc(origin: str) -> str:
    """Return host and port of an Origin header; '' if it is invalid."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def name_of(host: str) -> str:
    """Return the name in a Host header, without the port; '' if it is invalid."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
