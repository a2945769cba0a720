"""Cameras with an HTTP address: a snapshot, or a motion JPEG stream.

FFmpeg would take a snapshot as a stream that ends after its first frame, and the first half of a broken-off JPEG as a
whole picture. So these two are read here. Anything else, such as HLS, is left to FFmpeg.
"""

import socket
import ssl
import string
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import BadStatusLine, HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDefaultErrorHandler,
    HTTPDigestAuthHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.source_settings import CameraSettings
from edgecls.device.sources.multipart import Multipart, TooLarge
from edgecls.device.sources.reader import CameraLost, DamagedFrame
from edgecls.errors import BadImage
from edgecls.images.preprocess import decode_rgb
from edgecls.version import __version__

MAX_PICTURE_BYTES = 64 * 2**20
"""Size limit of a picture in bytes."""
MIN_PAUSE_S = 1.0
"""Seconds between two requests for a snapshot, if `interval_seconds` is shorter."""
_CHUNK = 2**16
_JPEG = b"\xff\xd8\xff"
_FRESH_S = 1.0  # after the opening, during which the picture that came then is used


def open_http(settings: CameraSettings, open_seconds: float) -> "SnapshotCapture | MjpegCapture | None":
    """Open the http or https address of `settings`. Return None if the answer is neither a picture nor motion JPEG.

    Raises CameraLost.
    """
    client = _Client(str(settings.device))
    try:
        response = client.get(open_seconds)
        kind = response.headers.get_content_type()
        if kind.startswith("multipart/"):
            return MjpegCapture(response, settings.stall_seconds)
        with closing(response):
            if kind.startswith("image/") or _translate_errors(lambda: response.peek(3)[:3]) == _JPEG:
                picture = _read(response, open_seconds)
                return SnapshotCapture(client, picture, settings)
            if kind == "text/html":  # FFmpeg would take it for text to show
                raise CameraLost("it answers with a web page instead of a picture or stream: check the address")
    except _NotHttp:
        pass
    return None


class _NotHttp(Exception):
    """The answer is in another protocol, perhaps one that FFmpeg knows."""


class SnapshotCapture:
    """A `Capture` that requests one picture at a time."""

    def __init__(self, client: "_Client", first: bytes, settings: CameraSettings) -> None:
        self.pause = max(settings.interval_seconds, MIN_PAUSE_S)
        self._client, self._stall_seconds = client, settings.stall_seconds
        self._first: bytes | None = first
        self._opened_at = time.monotonic()
        self._picture = b""

    def grab(self) -> None:
        """See `Capture.grab`."""
        first, self._first = self._first, None
        if first is not None and time.monotonic() - self._opened_at < _FRESH_S:
            self._picture = first
            return
        try:
            with closing(self._client.get(self._stall_seconds)) as response:
                self._picture = _read(response, self._stall_seconds)
        except _NotHttp as error:
            raise CameraLost("its answer is not HTTP") from error

    def retrieve(self) -> NDArray[np.uint8]:
        """See `Capture.retrieve`."""
        return _decode(self._picture)

    def close(self) -> None:
        """See `Capture.close`."""


class MjpegCapture:
    """A `Capture` of a motion JPEG stream."""

    pause = 0.0

    def __init__(self, response: HTTPResponse, stall_seconds: float) -> None:
        self._response, self._stall_seconds = response, stall_seconds
        self._multipart = Multipart(MAX_PICTURE_BYTES)
        self._pictures: deque[bytes] = deque()
        self._picture = b""

    def grab(self) -> None:
        """See `Capture.grab`."""
        deadline = time.monotonic() + self._stall_seconds
        while not self._pictures:
            data = _translate_errors(lambda: self._response.read1(_CHUNK))
            if not data:
                raise CameraLost("it stopped sending frames")
            try:
                self._pictures.extend(self._multipart.feed(data))
            except TooLarge as error:
                raise CameraLost(str(error)) from error
            if not self._pictures and time.monotonic() > deadline:
                raise CameraLost(f"no whole frame for {self._stall_seconds:.0f} s")
        self._picture = self._pictures.popleft()

    def retrieve(self) -> NDArray[np.uint8]:
        """See `Capture.retrieve`."""
        return _decode(self._picture)

    def close(self) -> None:
        """See `Capture.close`."""
        self._response.close()


class _Client:
    """Requests one address, with the user and password in it."""

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            user_info, _, host = parts.netloc.rpartition("@")
            path, query = (quote(part, safe=string.punctuation) for part in (parts.path, parts.query))
            self._url = urlunsplit((parts.scheme, host, path or "/", query, ""))
        except ValueError:
            # `from None`, here and below: the messages of urllib may contain a part of the password.
            raise CameraLost("its address is not valid") from None
        passwords = HTTPPasswordMgrWithDefaultRealm()
        if user_info:
            user, _, password = user_info.partition(":")
            passwords.add_password(None, self._url, unquote(user), unquote(password))
        self._opener = OpenerDirector()  # not `build_opener`, whose handlers also follow redirections to file: and ftp:
        for handler in (
            ProxyHandler(), UnknownHandler(), HTTPHandler(), HTTPSHandler(context=ssl.create_default_context()),
            HTTPDefaultErrorHandler(), _Redirections(), HTTPErrorProcessor(),
            _Digest(passwords), _Basic(passwords),
        ):  # fmt: skip
            self._opener.add_handler(handler)

    def get(self, seconds: float) -> HTTPResponse:
        """Send a request. Return the response, with its body unread. Raises CameraLost and _NotHttp."""
        request = Request(self._url, headers={"User-Agent": f"edgecls/{__version__}", "Accept": "*/*"})  # noqa: S310
        response: HTTPResponse = _translate_errors(lambda: self._opener.open(request, timeout=seconds))
        return response


class _Digest(HTTPDigestAuthHandler):
    def http_error_auth_reqed(self, *arguments: Any) -> Any:
        """Leave other schemes to other handlers. The base class raises ValueError for them."""
        with suppress(ValueError):
            return super().http_error_auth_reqed(*arguments)
        return None


class _Basic(HTTPBasicAuthHandler):
    def http_error_auth_reqed(self, *arguments: Any) -> Any:
        """Leave other schemes to other handlers. The base class raises ValueError for them."""
        with suppress(ValueError):
            return super().http_error_auth_reqed(*arguments)
        return None


class _Redirections(HTTPRedirectHandler):
    def redirect_request(self, req: Request, *arguments: Any) -> Request | None:
        """Follow a redirection, except from an encrypted address to one that is not."""
        new = super().redirect_request(req, *arguments)
        if new and req.type == "https" and new.type != "https":
            raise CameraLost("it redirects from https to an unencrypted address: set that address if you accept it")
        return new


def _translate_errors(action: Callable[[], Any]) -> Any:
    """Return what `action` returns. Raises its errors as CameraLost, without the address in the message."""
    try:
        return action()
    except BadStatusLine as error:
        if type(error) is BadStatusLine:
            raise _NotHttp from None
        raise CameraLost("it closed the connection") from None  # RemoteDisconnected
    except HTTPError as error:
        with closing(error):
            raise CameraLost(_status(error.code)) from None
    except URLError as error:
        raise CameraLost(_reason(error.reason)) from None
    except OSError as error:
        raise CameraLost(_reason(error)) from None
    except (HTTPException, ValueError) as error:
        raise CameraLost(f"its address or its answer is not valid ({type(error).__name__})") from None


def _status(code: int) -> str:
    if code in (401, 403):
        return f"it answers HTTP {code}: check user and password (write %2F for /, %3F for ?, %23 for #, %40 for @)"
    return f"it answers HTTP {code}: check the address"


def _reason(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate cannot be verified ({error.verify_message}): set the environment variable SSL_CERT_FILE to "
            "the certificate of its authority"
        )
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    if isinstance(error, socket.gaierror):
        return "its host name cannot be resolved: check the address and the network"
    if isinstance(error, OSError) and error.errno:
        return f"it cannot be reached ({error.strerror}): check address and network"
    if isinstance(error, str):  # a message of urllib, which may contain the address
        return "it redirects to an address that cannot be requested: check the address"
    return f"it cannot be reached ({type(error).__name__}): check address and network"


def _read(response: HTTPResponse, seconds: float) -> bytes:
    """Return the body. Raises CameraLost if reading takes longer, or the body exceeds `MAX_PICTURE_BYTES`."""
    deadline = time.monotonic() + seconds
    body = bytearray()
    while data := _translate_errors(lambda: response.read1(_CHUNK)):
        body += data
        if len(body) > MAX_PICTURE_BYTES:
            raise CameraLost(f"its picture has more than {MAX_PICTURE_BYTES} bytes")
        if time.monotonic() > deadline:
            raise CameraLost(f"no whole picture for {seconds:.0f} s")
    return bytes(body)


def _decode(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture to uint8 (height, width, 3), RGB. Raises DamagedFrame."""
    try:
        return decode_rgb(data)
    except BadImage as error:
        raise DamagedFrame(str(error)) from error
