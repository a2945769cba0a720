"""Share the memory for decoding between threads; refuse an image that can never fit."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgecls.errors import BadImage
from edgecls.images.decoding_memory import decoding_bytes
from edgecls.images.framing import Preprocessing
from edgecls.memory import AvailableMemory, available_memory

_SMALL = 16 * 2**20
"""Bytes. An image that takes less neither waits nor counts."""


class MemoryBudget:
    """The memory for images that are decoded at the same time. Safe for many threads."""

    def __init__(self, available: Callable[[], AvailableMemory] = available_memory) -> None:
        self._available = available
        self._budget = AvailableMemory(0, "")
        self._reserved = 0
        self._released = threading.Condition()

    @contextmanager
    def reserve(self, data: bytes, spec: Preprocessing, max_pixels: int, cover: float) -> Iterator[None]:
        """Reserve the memory that decoding `data` takes, within the block. Waits until there is enough.

        Raises BadImage if the image needs more than there is. One of more than `max_pixels` passes: it is refused anyway,
        before it is decoded.
        """
        size, (width, height) = decoding_bytes(data, spec, cover) or (0, (0, 0))
        if size < _SMALL or width * height > max_pixels:
            yield
            return
        with self._released:
            if not self._reserved:  # otherwise the reserved memory would be counted twice
                self._budget = self._available()
            if size > self._budget.size:
                raise BadImage(
                    f"is {width} x {height} pixels large: decoding takes up to {size / 1e6:,.0f} MB of memory, and "
                    f"{self._budget.limit} leaves {self._budget.size / 1e6:,.0f} MB: save it smaller, or allow more memory"
                )
            self._released.wait_for(lambda: not self._reserved or self._reserved + size <= self._budget.size)
            self._reserved += size
        try:
            yield
        finally:
            with self._released:
                self._reserved -= size
                self._released.notify_all()


DECODING_MEMORY = MemoryBudget()
"""The budget of this process, which all its classifiers share."""
