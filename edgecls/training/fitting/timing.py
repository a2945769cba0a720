"""Measure how long a function takes on this machine without disturbance."""

import time
from collections.abc import Callable

TRIALS = 5


def shortest(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of a few calls."""
    seconds = []
    for _ in range(TRIALS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
