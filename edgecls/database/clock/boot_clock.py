"""Whether the clock was set since a run began: each time in a row is of the clock as it was when the row was written.

The clock and CLOCK_BOOTTIME, which nobody can set, go at one pace: the network's corrections of that pace reach both
(clock_gettime(2)). So the lead of the one over the other, seconds from 1970 to the boot, is constant until someone, or
the network for the first time since the boot, sets the clock.
"""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from edgecls.database.steady_clock import since_boot

JUMP_S = 2.0
"""A leap second is no jump."""

_READ_TOGETHER_S = 0.1
_ATTEMPTS = 5


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except OSError:
        return None


class BootClock:
    """The clock of this machine (seconds since 1970, UTC), and how far it is ahead of the one that counts from boot."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = since_boot,
        boot_id: Callable[[], str | None] = _boot_id,
    ) -> None:
        self._wall, self._steady = wall, steady
        self.boot_id = boot_id()

    def now(self) -> datetime:
        """The time, as the clock has it."""
        return datetime.fromtimestamp(self._wall(), timezone.utc)

    def lead(self) -> float:
        """Seconds; read again where this process was held up between the two clocks."""
        for _ in range(_ATTEMPTS):
            before, wall, after = self._steady(), self._wall(), self._steady()
            if after - before < _READ_TOGETHER_S:
                break
        return wall - before


def is_a_jump(before: float | None, now: float) -> bool:
    """Whether the clock was set between these two leads."""
    return before is not None and abs(now - before) > JUMP_S


CLOCK = BootClock()
