"""Whether the clock is to be believed when it says that something is old.

A board without a battery begins in 1970, or at the time of its last stop, until the network tells it better; a clock may
also be set wrong by hand. Whoever removes things for their age asks here first: a year's jump would remove all of them.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone

from edgecls import system

log = logging.getLogger(__name__)

UNSET = datetime(2024, 1, 1, tzinfo=timezone.utc)
"""Before there was an edgecls: an earlier time is that of a clock that nobody had set."""
TRUSTED_AFTER_S = 86_400.0
"""So long without a jump, and the clock is believed whatever it says."""
_JUMP_S = 3600.0
"""Less is no matter to whoever counts in days."""
_GAP = timedelta(days=2)
"""Between two rows, or the last row and a start: more may be a clock that was set, and not a machine that was off."""


def since_boot() -> float:
    """Seconds, those of a suspended machine too; nobody can set this clock."""
    return system.boot_clock_ns() / 1e9


class SteadyClock:
    """Compares the clock, at each `look`, with the one that counts from boot; where they part, it has jumped.

    It is trusted once it has run for a day without a jump; or at once where `agrees` was told that it goes on from what
    was written before, and no jump has been seen.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = since_boot) -> None:
        self._wall, self._steady = wall, steady
        self._lead = wall() - steady()
        self._since = steady()
        self._goes_on = self._has_jumped = False
        self._lock = threading.Lock()

    def is_trusted(self) -> bool:
        """Whether what is old by this clock is old. To be asked more than once an hour, to notice each jump."""
        with self._lock:
            now = self._steady()
            lead = self._wall() - now
            jump = lead - self._lead
            # Little by little the two may part: one is disciplined by the network, and nothing is wrong with that.
            self._lead = lead
            if abs(jump) > _JUMP_S:
                log.warning(
                    "the clock jumped by %.1f days: nothing is removed for its age for a day", jump / TRUSTED_AFTER_S
                )
                self._since, self._has_jumped, self._goes_on = now, True, False
            return self._wall() >= UNSET.timestamp() and (self._goes_on or now - self._since >= TRUSTED_AFTER_S)

    def agrees(self, times: Iterable[datetime]) -> None:
        """Hear the times, newest first, that were written last: the clock goes on from them if there is no large gap.

        A machine that was off for longer is trusted a day later than it might be; one whose clock was wrong when it
        wrote them is not trusted for that.
        """
        later = datetime.fromtimestamp(self._wall(), timezone.utc)
        for earlier in times:
            if not -timedelta(seconds=_JUMP_S) <= later - earlier <= _GAP:
                return
            later = earlier
        self._goes_on = not self._has_jumped


CLOCK = SteadyClock()
"""That of this machine: one for the process, so that a jump is not forgotten by whoever begins anew (a reload)."""
