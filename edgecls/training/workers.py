"""Apply a function to many items in threads: decoding and inference release the GIL."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


def for_each(
    make: Callable[[], S], work: Callable[[S, T], R], items: Sequence[T], advance: Callable[[], None]
) -> list[R]:
    """Return [work(state, item) for item in items], in order, computed on all cores.

    Each thread creates its own `state` with `make`, such as an interpreter that is not thread-safe. The first exception of
    `work` is raised.
    """
    local = threading.local()

    def call(item: T) -> R:
        if not hasattr(local, "state"):
            local.state = make()
        result = work(local.state, item)
        advance()
        return result

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            return list(pool.map(call, items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
