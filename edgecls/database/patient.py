"""Waiting for what passes by itself: a full disk, a file that another process holds."""

import logging
import threading
import time
from collections.abc import Callable

from edgecls.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PROGRESS_EVERY_S = 1.0


def patiently(
    action: Callable[[], object],
    stop: threading.Event,
    *,
    progress: Callable[[], None] | None = None,
    longest_pause: float = LONGEST_PAUSE_S,
) -> bool:
    """Call `action` until it no longer raises Unavailable: True then; False if `stop` was set before.

    It is called once at least. The pauses double from 0.1 s to `longest_pause`; while waiting, `progress` is called
    every second: a watchdog that it feeds knows that this is no hang. (While `action` itself blocks it is not.)
    Other errors pass. The log says once that it waits, and why, and once that it goes on.
    """
    pause = min(FIRST_PAUSE_S, longest_pause)
    since: float | None = None
    while True:
        try:
            action()
        except Unavailable as error:  # noqa: PERF203 - it waits anyway
            if stop.is_set():
                return False
            if since is None:
                since = time.monotonic()
                log.warning("%s (waiting until it can be written: nothing is dropped)", error)
            _wait(pause, stop, progress)
            pause = min(pause * 2, longest_pause)
        else:
            if since is not None:
                log.warning("written after %.1f s: going on", time.monotonic() - since)
            return True


def _wait(seconds: float, stop: threading.Event, progress: Callable[[], None] | None) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not stop.wait(min(left, PROGRESS_EVERY_S)):
        if progress is not None:
            progress()
