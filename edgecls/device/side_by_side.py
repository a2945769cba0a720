"""How many interpreters, and how many threads each: chosen from the cores and by a short measurement."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import NamedTuple, TypeVar

import numpy as np

from edgecls.device.protocols import Classifies
from edgecls.model_file import ModelFile
from edgecls.records import Frame

log = logging.getLogger(__name__)

MOST_THREADS = 4
"""Small networks gain nothing from more."""
MEASURED_S = 0.05
"""Each plan is measured for so long, at least one image a classifier."""
CLEARLY_FASTER = 1.1
"""More interpreters also decode more images at once, which the small sample shows little of: fewer must gain this much."""

C = TypeVar("C", bound=Classifies)


class Plan(NamedTuple):
    """So many interpreters, each with so many threads."""

    interpreters: int
    threads: int

    def __str__(self) -> str:
        return f"{self.interpreters} x {self.threads} threads"


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def asked_for(interpreters: int | None, threads: int | None) -> Plan | None:
    """The plan that the settings state; None where both are left open. `threads` alone is one interpreter's."""
    if interpreters is None and threads is None:
        return None
    return Plan(interpreters or 1, threads or max(cores() // (interpreters or 1), 1))


def plans(count: int) -> list[Plan]:
    """Every way to share `count` cores out evenly, the most interpreters first: 4 x 1, 2 x 2, 1 x 4."""
    return [Plan(count // n, n) for n in range(1, min(count, MOST_THREADS) + 1) if count % n == 0]


def fastest(candidates: Sequence[Plan], open_one: Callable[[int], C], sample: Frame) -> list[C]:
    """The classifiers of the plan that classifies `sample` most often a second; `open_one` takes a number of threads.

    A single candidate is not measured.
    """
    opened = {plan: [open_one(plan.threads) for _ in range(plan.interpreters)] for plan in candidates}
    best, *others = candidates
    if others:
        rates = {plan: _rate(classifiers, sample) for plan, classifiers in opened.items()}
        for plan in others:
            if rates[plan] > rates[best] * CLEARLY_FASTER:
                best = plan
        log.debug("images/s: %s; taken: %s", ", ".join(f"{plan}: {rate:.0f}" for plan, rate in rates.items()), best)
    return opened[best]


def _rate(classifiers: Sequence[Classifies], sample: Frame) -> float:
    """Images a second, all classifiers at work."""
    with ThreadPoolExecutor(len(classifiers)) as pool:

        def each_one() -> int:
            return len(list(pool.map(lambda classifier: classifier.classify(sample), classifiers)))

        each_one()  # the first time memory is laid out
        begun, done = time.perf_counter(), each_one()
        while (took := time.perf_counter() - begun) < MEASURED_S:
            done += each_one()
    return done / took


def sample_of(model: ModelFile) -> Frame:
    """A picture to measure with: the model's own first example, or one that is black."""
    image = model.golden[0].image if model.golden else np.zeros((375, 500, 3), np.uint8)
    return Frame("measurement", "sample", datetime.now(timezone.utc), image)
