"""Read the system clock, and tell whether it was set or can be trusted.

A board without a battery starts in 1970, or at the time of its last stop, until the network sets its clock. CLOCK_BOOTTIME
cannot be set, and runs at the same pace as the system clock (clock_gettime(2): the network's corrections of that pace
reach both). Their difference, the boot offset, is therefore constant until somebody sets the clock.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edgecls import system

log = logging.getLogger(__name__)

UNSET_BEFORE = datetime(2024, 1, 1, tzinfo=timezone.utc)
"""An earlier time comes from a clock that was never set: edgecls did not exist yet."""
STEP_S = 2.0
"""The clock was set if its boot offset changed by more than this. A leap second is no step."""
TRUSTED_AFTER_S = 86_400.0
"""The clock is trusted once it has run this long without a large step."""
LARGE_STEP_S = 3600.0
"""A smaller step does not matter when ages are counted in days."""
LARGEST_GAP = timedelta(days=2)
"""A longer gap between two rows may be a clock that was set rather than a machine that was off."""

_READ_TOGETHER_S = 0.1
_ATTEMPTS = 5


def seconds_since_boot() -> float:
    """Return the seconds since the machine booted, including those it was suspended."""
    return system.boot_clock_ns() / 1e9


def read_boot_id() -> str | None:
    """Return the kernel's id of this boot; None where the kernel gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except OSError:
        return None


def is_step(before: float | None, after: float) -> bool:
    """Return whether the clock was set between two readings of its boot offset [s]."""
    return before is not None and abs(after - before) > STEP_S


class SystemClock:
    """The system clock (UTC) compared with the clock that counts from boot.

    `boot_id` identifies this boot. Ages can be trusted once the clock has run for a day without a large step, or at once
    if `check_continuity` found that it goes on from the rows written before and no large step was seen since.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = seconds_since_boot,
        boot_id: Callable[[], str | None] = read_boot_id,
    ) -> None:
        self._wall, self._steady = wall, steady
        self.boot_id = boot_id()
        self._last_offset = self.boot_offset()
        self._running_since = steady()
        self._is_continuous = self._was_stepped = False
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.fromtimestamp(self._wall(), timezone.utc)

    def boot_offset(self) -> float:
        """Return the system clock minus the time since boot [s]: the time of the boot in seconds since 1970."""
        for _ in range(_ATTEMPTS):  # read again if the process was interrupted between the two clocks
            before, wall, after = self._steady(), self._wall(), self._steady()
            if after - before < _READ_TOGETHER_S:
                break
        return wall - before

    def is_trusted(self) -> bool:
        """Return whether ages by this clock can be trusted. Call it more than once an hour, so that it sees every step."""
        with self._lock:
            offset, since_boot = self.boot_offset(), self._steady()
            step = offset - self._last_offset
            # The two clocks may drift apart slowly, which is harmless: only the step since the last call counts.
            self._last_offset = offset
            if abs(step) > LARGE_STEP_S:
                log.warning("the clock was set by %+.1f days: deleting by age is paused for a day", step / 86_400)
                self._running_since, self._was_stepped, self._is_continuous = since_boot, True, False
            is_steady = self._is_continuous or since_boot - self._running_since >= TRUSTED_AFTER_S
            return is_steady and self.now() >= UNSET_BEFORE

    def check_continuity(self, times: Iterable[datetime]) -> None:
        """Trust the clock at once if it continues `times`, those of the last rows, newest first, without a large gap.

        After a longer stop the clock is trusted a day later than it could be. A clock that was wrong when it wrote the rows
        is not trusted because of them.
        """
        later = self.now()
        for earlier in times:
            if not -timedelta(seconds=LARGE_STEP_S) <= later - earlier <= LARGEST_GAP:
                return
            later = earlier
        self._is_continuous = not self._was_stepped


SYSTEM_CLOCK = SystemClock()
"""The clock of this machine. One for the process, so that a reload does not forget a step."""
