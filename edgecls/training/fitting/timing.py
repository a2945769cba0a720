"""How long something takes on this machine, when nothing else disturbs it."""

import time
from collections.abc import Callable

TRIALS = 5


def shortest(work: Callable[[], object]) -> float:
    """Seconds that `work` takes at best, of a few times."""
    taken = []
    for _ in range(TRIALS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)
