"""Doing one thing again and again, and what the times say."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WARM_UP = 3
"""The first times are not those of later: caches are empty, memory is fetched from the system."""
LEAST, MOST = 20, 5000
NOISY = 0.5
"""A larger spread is reported: the median of such times varies from run to run."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of one action, repeated `count` times. `cpu_ms` is of all threads, so it may exceed the median.

    `spread` is that of the middle eight tenths of the times, as a share of their median.
    """

    median_ms: float
    p99_ms: float
    per_second: float
    cpu_ms: float
    spread: float
    count: int


def timed(action: Callable[[int], object], seconds: float) -> Timing:
    """Call `action` with 0, 1, 2 ... for about `seconds` seconds, and at least `LEAST` times."""
    for number in range(WARM_UP):
        action(number)
    times: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    while len(times) < LEAST or (time.perf_counter() - begun < seconds and len(times) < MOST):
        before = time.perf_counter()
        action(len(times))
        times.append(time.perf_counter() - before)
    cpu = time.process_time() - cpu
    ordered = sorted(times)
    median = quantile(ordered, 0.5)
    return Timing(
        median_ms=median * 1000,
        p99_ms=quantile(ordered, 0.99) * 1000,
        per_second=len(times) / sum(times),
        cpu_ms=cpu / len(times) * 1000,
        spread=(quantile(ordered, 0.9) - quantile(ordered, 0.1)) / median,
        count=len(times),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the `ordered` values that a `share` of them do not exceed (the quantile function)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
