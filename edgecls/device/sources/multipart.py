"""A parser for motion JPEG streams over HTTP: `multipart/x-mixed-replace`."""

import re
from collections.abc import Iterator

_HEAD = re.compile(rb"(?:\A|\n)(--[^\r\n]+)\r?\n((?:[^\r\n]+\r?\n)*)\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(rb"^content-type:[ \t]*([^;\s]+)", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEAD = 2**16


class TooLarge(Exception):
    """A part exceeds the limit. The message is the reason."""


class Multipart:
    """Splits the bytes of a stream into its pictures.

    The delimiter is the first line that begins with `--`, because the boundary that servers announce often differs from
    the one that they send. A part ends after its `Content-Length`, so that it need not wait for the next part. It ends at
    the next delimiter if the length is missing, or if the delimiter comes earlier because the server cut the part off.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._searched = 0  # so far there is no delimiter in the part that is being read
        self._head: tuple[bytes, bytes, int | None] | None = None  # delimiter, content type, length

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes. Yield the pictures, encoded, that are now complete. Raises TooLarge."""
        self._data += data
        while (self._head or self._read_head()) and (part := self._read_part()) is not None:
            if part:
                yield part
        if not self._head:
            del self._data[:-_LONGEST_HEAD]
        elif len(self._data) > self._max_bytes:
            raise TooLarge(f"its picture has more than {self._max_bytes} bytes")

    def _read_head(self) -> bool:
        """Read delimiter and headers of the next part, if they are complete. Drop the bytes before them."""
        match = _HEAD.search(self._data)
        if not match:
            return False
        kind, length = _TYPE.search(match[2]), _LENGTH.search(match[2])
        self._head = (b"\n" + match[1], kind[1].lower() if kind else b"image/", int(length[1]) if length else None)
        del self._data[: match.end()]
        self._searched = 0
        return True

    def _read_part(self) -> bytes | None:
        """Return the part whose head was read, empty if it is not a picture. Return None if it is incomplete."""
        assert self._head
        delimiter, kind, length = self._head
        end = self._data.find(delimiter, self._searched, None if length is None else length + len(delimiter))
        self._searched = max(len(self._data) - len(delimiter), 0)
        if length is not None and end < 0 and len(self._data) >= length:
            end = length
        if end < 0:
            return None
        part = bytes(self._data[:end])
        if end != length:
            part = part.removesuffix(b"\r")  # from the line break of the delimiter
        del self._data[:end]
        self._head = None
        return part if kind.startswith(b"image/") else b""
