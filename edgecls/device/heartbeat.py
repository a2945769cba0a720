"""Signs of life: the loop tells of each turn, and as long as it turns, the watchdog is kept quiet.

There is no thread for this, and must not be: it would go on while the loop hangs. A stuck interpreter, decoder, disk or
source ends the turns, with them the pings, and systemd restarts the service.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from edgecls.device.sources.status import SourceStatus
from edgecls.device.systemd_notify import Notifier

LONGEST_PAUSE_S = 1.0
"""Between two pings. Far less than half of any sensible WatchdogSec=, so that a turn may take nearly all of that."""


@dataclass
class Tally:
    """What became of the frames since the start, and how the source is.

    `held` frames were classified and made no row of their own, because of a vote or a cool-down; `dropped` ones were
    delivered by a camera and never looked at, in `still` ones nothing moved, and `damaged` ones could not be decoded.
    """

    rows: int = 0
    errors: int = 0
    held: int = 0
    last_frame: datetime | None = None
    source: SourceStatus = field(default_factory=SourceStatus)
    _dropped_before: int = 0
    _still_before: int = 0
    _damaged_before: int = 0

    @property
    def dropped(self) -> int:
        """By all sources there have been."""
        return self._dropped_before + self.source.dropped

    @property
    def still(self) -> int:
        """By all sources there have been."""
        return self._still_before + self.source.still

    @property
    def damaged(self) -> int:
        """By all sources there have been."""
        return self._damaged_before + self.source.damaged

    def part_with(self, source: SourceStatus) -> None:
        """Another source follows: its counts begin at 0, and ours go on."""
        self._dropped_before += source.dropped
        self._still_before += source.still
        self._damaged_before += source.damaged
        self.source = SourceStatus()

    def __str__(self) -> str:
        """The status: what is wrong comes first."""
        lost = f"lost: {self.source.lost}, since {_time(self.source.since)}; " if self.source.lost else ""
        held, still = f"{self.held} held, " if self.held else "", f"{self.still} still, " if self.still else ""
        damaged = f"{self.damaged} damaged, " if self.damaged else ""
        counts = f"{self.rows} rows, {self.errors} errors, {self.dropped} dropped, {damaged}{held}{still}"
        return f"{lost}{counts}last frame {_time(self.last_frame)}"


def _time(time: datetime | None) -> str:
    return "none yet" if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")


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
