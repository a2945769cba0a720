"""Retry while the database is unavailable: a full disk, a file that another process has locked."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from edgecls.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PROGRESS_EVERY_S = 1.0


class GaveUp(Exception):
    """`abort_wait` was set before the action succeeded; the last Unavailable is the cause."""


def retry(
    action: Callable[[], T],
    abort_wait: threading.Event,
    *,
    progress: Callable[[], None] | None = None,
    longest_pause: float = LONGEST_PAUSE_S,
) -> T:
    """Call `action` until it no longer raises Unavailable, and return its value.

    The action runs at least once, even if `abort_wait` is already set. The pauses double from 0.1 s to `longest_pause`
    seconds. `progress` is called once a second between two attempts, to keep a watchdog fed; it is not called while the
    action itself blocks. The log has one line when the waiting begins and one when it ends.

    Raises:
        GaveUp: `abort_wait` was set, and the action still raises Unavailable.
        Exception: whatever else the action raises.
    """
    pause = min(FIRST_PAUSE_S, longest_pause)
    waiting_since: float | None = None
    while True:
        try:
            value = action()
        except Unavailable as error:  # noqa: PERF203  # a retry waits anyway
            if abort_wait.is_set():
                raise GaveUp from error
            if waiting_since is None:
                waiting_since = time.monotonic()
                log.warning("%s (retrying; nothing is dropped)", error)
            _wait(pause, abort_wait, progress)
            pause = min(pause * 2, longest_pause)
        else:
            if waiting_since is not None:
                log.warning("the database is available again after %.1f s", time.monotonic() - waiting_since)
            return value


def _wait(seconds: float, abort_wait: threading.Event, progress: Callable[[], None] | None) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not abort_wait.wait(min(left, PROGRESS_EVERY_S)):
        if progress is not None:
            progress()
