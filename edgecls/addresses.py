"""Addresses of cameras, shown without what is secret in them.

User, password and tokens stand in many places of an address: before the host, in the path (`user=admin&password=...`),
in the query (`loginpas=`, `u=..&p=..`). A list of the names to hide is never complete, so an address is shown by a list
of the parts to show: scheme, host and port.
"""

import re
from collections.abc import Mapping
from typing import Any

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "rtp", "srtp", "srt", "tcp", "udp", "mms", "mmsh")
"""Kinds of addresses that FFmpeg reads a stream from."""

_SCHEMES = "|".join((*STREAM_SCHEMES, "rtspt", "rtspu", "rtmpt", "tls", "ftp", "ftps", "sftp", "smb", "file", "onvif"))
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_ADDRESS = re.compile(rf"(?<![a-z0-9])({_SCHEMES}):/|^[^/].*:.*@|^//.*@|://", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"[^/?#\\\s]*")
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+(?:%[a-z0-9._-]+)?\]|(?=:\d))(?::(\d{1,5}))?", re.IGNORECASE)


def show_address(address: str) -> str:
    """Return `address` with nothing but scheme, host and port: `rtsp://cam.local:554/...`.

    Where the host cannot be told from a password that holds `/`, `?`, `#` or `@`, only the scheme is shown
    (`rtsp://...`); of a text that is no address, nothing (`...`).
    """
    scheme, host, rest = _split(address)
    if scheme not in _SCHEMES.split("|"):
        return "..."
    if host is None:
        return f"{scheme}://..."
    return f"{scheme}://{host}/..." if rest.strip("/") else f"{scheme}://{host}"


def problem_of_stream(address: str) -> str | None:
    """Return why `address` cannot be that of a stream, and what to do; None if it can be. The address is not shown."""
    scheme, host, rest = _split(address)
    if scheme not in STREAM_SCHEMES:
        return f"is an address of an unknown kind: it must begin with {', '.join(STREAM_SCHEMES[:-1])} or {STREAM_SCHEMES[-1]}, then ://"
    if host is None and "@" not in rest:
        return (
            "is not a valid address: write scheme://user:password@host:port/path, and in user and password %2F for /, "
            "%3F for ?, %23 for # and %40 for @"
        )
    return None


def hide_addresses(value: Any) -> Any:
    """Return a value of JSON with each text that looks like an address as `show_address` shows it, keys included."""
    if isinstance(value, str):
        return show_address(value) if looks_like_address(value) else value
    if isinstance(value, Mapping):
        return {hide_addresses(key): hide_addresses(each) for key, each in value.items()}
    return [hide_addresses(each) for each in value] if isinstance(value, (list, tuple)) else value


def looks_like_address(text: str) -> bool:
    """Return whether `text`, which should be a path or a name, may be an address, with a password in it."""
    return bool(_LOOKS_LIKE_ADDRESS.search(text))


def _split(address: str) -> tuple[str, str | None, str]:
    """Return scheme in lower case, host with port (None where it cannot be told), and what follows the host."""
    match = _ADDRESS.fullmatch(address)
    if not match:
        return "", None, address
    scheme, rest = match[1].lower(), match[2]
    authority = _AUTHORITY.match(rest)[0]  # type: ignore[index]  # it matches the empty text, too
    rest = rest[len(authority) :]
    host = _HOST.fullmatch(authority.rpartition("@")[2])
    # With an @ further on, what looks like the host may be the user, and the port the beginning of the password.
    is_plain = host and int(host[1] or 0) < 2**16 and not re.search("@|%40", rest)
    return scheme, host[0] if host and is_plain else None, rest
