"""Signs of life: the loop tells of each turn, and as long as it turns, the watchdog is kept quiet.

There is no thread for this, and must not be: it would go on while the loop hangs. A stuck interpreter, decoder, disk or
source ends the turns, with them the pings, and systemd restarts the service.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from edgecls.device.notify import Notifier

LONGEST_PAUSE_S = 1.0
"""Between two pings. Far less than half of any sensible WatchdogSec=, so that a turn may take nearly all of that."""


@dataclass
class Tally:
    """What became of the frames since the start; `dropped` are those that a camera delivered and nobody looked at."""

    rows: int = 0
    errors: int = 0
    held: int = 0
    dropped: int = 0
    last_frame: datetime | None = None

    def __str__(self) -> str:
        last = "none yet" if self.last_frame is None else self.last_frame.strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{self.rows} rows, {self.errors} errors, {self.dropped} dropped, last frame {last}"


class Heartbeat:
    """Pings the watchdog with the counts as the status, when told of progress and at most once a pause."""

    def __init__(
        self, notifier: Notifier, watchdog: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`watchdog`: seconds after which systemd loses patience, None if it does not watch."""
        self._notifier, self._clock = notifier, clock
        self._pause = LONGEST_PAUSE_S if watchdog is None else min(LONGEST_PAUSE_S, watchdog / 4)
        self._next = -math.inf
        self._said = ""

    def progress(self, tally: Tally | str) -> None:
        """A turn of the loop, or a step of the start, is done."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._pause
        said = str(tally)
        states = {"WATCHDOG": "1"} if said == self._said else {"WATCHDOG": "1", "STATUS": said}
        self._said = said
        self._notifier.send(**states)
