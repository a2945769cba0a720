"""Decide by the number of cores how many interpreters run at the same time, and with how many threads each.

Nothing is measured. A start has no time to measure for longer than other programs disturb the processor, and a wrong
choice would hold until the next start.
"""

from typing import NamedTuple

from edgecls.system import usable_cores

MOST_THREADS = 4
"""Small networks gain nothing from more."""
MOST_INTERPRETERS = 16
"""Each has its own packed weights and activations, and a thread; the service's unit allows 64 tasks."""


class Plan(NamedTuple):
    """A number of interpreters, and the number of threads of each."""

    interpreters: int
    threads: int

    def __str__(self) -> str:
        return f"{self.interpreters} x {self.threads} threads"


def default_threads() -> int:
    """Return the number of threads for an interpreter that has the machine to itself: one a core, at most 4."""
    return min(usable_cores(), MOST_THREADS)


def plan(interpreters: int | None = None, threads: int | None = None) -> Plan:
    """Return how the cores are shared out; what the settings leave open (None) is decided by rule.

    Without settings there is one interpreter of one thread for each core: threads within one network wait for each
    other at every layer, and have nothing to do while an image is decoded. `threads` alone is for one interpreter;
    `interpreters` alone share the cores evenly.
    """
    if interpreters is None and threads is None:
        return Plan(min(usable_cores(), MOST_INTERPRETERS), 1)
    count = interpreters or 1
    return Plan(count, threads or min(max(usable_cores() // count, 1), MOST_THREADS))
