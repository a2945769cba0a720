"""A motion JPEG stream over HTTP, cut into its pictures: `multipart/x-mixed-replace`."""

import re
from collections.abc import Iterator

_HEAD = re.compile(rb"(?:\A|\n)(--[^\r\n]+)\r?\n((?:[^\r\n]+\r?\n)*)\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
_TYPE = re.compile(rb"^content-type:[ \t]*([^;\s]+)", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEAD = 2**16


class TooLarge(Exception):
    """A part exceeds the limit. The message is the reason."""


class Multipart:
    """Cuts bytes, as they come from the network, into the pictures of a stream.

    The delimiter is the first line that begins with `--`: what servers announce as the boundary often differs from what
    they send. A part ends after its `Content-Length`, so that it need not wait for the next one; where that is missing,
    or another part begins before its end because the server has cut this one off, at the next delimiter.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._data = bytearray()
        self._searched = 0  # so far there is no delimiter in the part that is being read
        self._head: tuple[bytes, bytes, int | None] | None = None  # delimiter, content type, length

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Add bytes; yield the pictures that are now complete, encoded. Raises TooLarge."""
        self._data += data
        while (self._head or self._read_head()) and (part := self._read_part()) is not None:
            if part:
                yield part
        if not self._head:
            del self._data[:-_LONGEST_HEAD]
        elif len(self._data) > self._most_bytes:
            raise TooLarge(f"its picture has more than {self._most_bytes} bytes")

    def _read_head(self) -> bool:
        """Read delimiter and headers of the next part, if they are complete; drop what lies before them."""
        found = _HEAD.search(self._data)
        if not found:
            return False
        kind, length = _TYPE.search(found[2]), _LENGTH.search(found[2])
        self._head = (b"\n" + found[1], kind[1].lower() if kind else b"image/", int(length[1]) if length else None)
        del self._data[: found.end()]
        self._searched = 0
        return True

    def _read_part(self) -> bytes | None:
        """Return the part whose head was read, empty if it is no picture; None while it is not complete."""
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
            part = part.removesuffix(b"\r")  # of the line break that belongs to the delimiter
        del self._data[:end]
        self._head = None
        return part if kind.startswith(b"image/") else b""
