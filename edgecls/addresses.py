"""Addresses of cameras, shown without their secrets.

An address can contain user, password and tokens before the host, in the path (`user=admin&password=...`) and in the
query (`loginpas=`, `u=..&p=..`). No list of such names is complete, so only scheme, host and port are shown.
"""

import re
from collections.abc import Mapping
from typing import Any

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "rtp", "srtp", "srt", "tcp", "udp", "mms", "mmsh")
"""Schemes of addresses from which FFmpeg reads a stream."""

_SCHEMES = "|".join((*STREAM_SCHEMES, "rtspt", "rtspu", "rtmpt", "tls", "ftp", "ftps", "sftp", "smb", "file", "onvif"))
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_LOOKS_LIKE_ADDRESS = re.compile(rf"(?<![a-z0-9])({_SCHEMES}):/|^[^/].*:.*@|^//.*@|://", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"[^/?#\\\s]*")
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+(?:%[a-z0-9._-]+)?\]|(?=:\d))(?::(\d{1,5}))?", re.IGNORECASE)


def show_address(address: str) -> str:
    """Return only scheme, host and port of `address`: `rtsp://cam.local:554/...`.

    Returns only the scheme (`rtsp://...`) if a password that contains `/`, `?`, `#` or `@` makes the host ambiguous, and
    `...` if the text is not an address.
    """
    scheme, host, rest = _split(address)
    if scheme not in _SCHEMES.split("|"):
        return "..."
    if host is None:
        return f"{scheme}://..."
    return f"{scheme}://{host}/..." if rest.strip("/") else f"{scheme}://{host}"


def stream_problem(address: str) -> str | None:
    """Return what is wrong with `address` as that of a stream, without showing it. Return None if it may be right."""
    scheme, host, rest = _split(address)
    if scheme not in STREAM_SCHEMES:
        return f"must begin with {', '.join(STREAM_SCHEMES[:-1])} or {STREAM_SCHEMES[-1]}, followed by ://"
    if host is None and "@" not in rest:
        return (
            "must be a valid address: scheme://user:password@host:port/path; in user and password write %2F for /, "
            "%3F for ?, %23 for # and %40 for @"
        )
    return None


def hide_addresses(value: Any) -> Any:
    """Return a JSON value with `show_address` applied to each string in it, keys included, that looks like an address."""
    if isinstance(value, str):
        return show_address(value) if looks_like_address(value) else value
    if isinstance(value, Mapping):
        return {hide_addresses(key): hide_addresses(each) for key, each in value.items()}
    return [hide_addresses(each) for each in value] if isinstance(value, (list, tuple)) else value


def looks_like_address(text: str) -> bool:
    """Return whether `text`, given as a path or a name, may be an address, with a password in it."""
    return bool(_LOOKS_LIKE_ADDRESS.search(text))


def _split(address: str) -> tuple[str, str | None, str]:
    """Return the scheme in lower case, the host with its port (None if it is ambiguous), and what follows the host."""
    match = _ADDRESS.fullmatch(address)
    if not match:
        return "", None, address
    scheme, rest = match[1].lower(), match[2]
    authority = _AUTHORITY.match(rest)[0]  # type: ignore[index]  # it matches the empty string, too
    rest = rest[len(authority) :]
    host = _HOST.fullmatch(authority.rpartition("@")[2])
    # If an @ follows, what looks like host and port may be the user and the beginning of the password.
    is_plain = host and int(host[1] or 0) < 2**16 and not re.search("@|%40", rest)
    return scheme, host[0] if host and is_plain else None, rest
