"""Memory for images that are decoded side by side: each waits for room, and one for which there is never room is refused."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgecls.errors import BadImage
from edgecls.images.decoding_memory import decoding_bytes
from edgecls.images.preprocess import Preprocessing
from edgecls.memory import Room, room

_SMALL = 16 * 2**20
"""Bytes. An image that takes less does not wait, and is not counted."""


class DecodingRoom:
    """Shares the memory that is left between the images that are decoded at a time; for many threads."""

    def __init__(self, left: Callable[[], Room] = room) -> None:
        self._left = left
        self._room = Room(0, "")
        self._taken = 0
        self._given_back = threading.Condition()

    @contextmanager
    def taken(self, data: bytes, spec: Preprocessing, max_pixels: int, cover: float) -> Iterator[None]:
        """Hold the memory that decoding `data` takes. Raises BadImage if that is more than there is.

        An image of more than `max_pixels` passes: it is refused anyway, before it is decoded.
        """
        size, (width, height) = decoding_bytes(data, spec, cover) or (0, (0, 0))
        if size < _SMALL or width * height > max_pixels:
            yield
            return
        with self._given_back:
            if not self._taken:  # else what is taken would be counted twice
                self._room = self._left()
            if size > self._room.size:
                raise BadImage(
                    f"is {width} x {height} pixels large: decoding takes up to {size / 1e6:,.0f} MB of memory, and "
                    f"{self._room.limit} leaves {self._room.size / 1e6:,.0f} MB: save it smaller, or allow more memory"
                )
            self._given_back.wait_for(lambda: not self._taken or self._taken + size <= self._room.size)
            self._taken += size
        try:
            yield
        finally:
            with self._given_back:
                self._taken -= size
                self._given_back.notify_all()


DECODING_ROOM = DecodingRoom()
"""Of this process: all its classifiers share it."""
