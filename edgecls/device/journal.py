"""Log lines for the journal of systemd: with their priority, and without endless repetition."""

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TextIO

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Python's log level -> syslog's priority. A line on stderr may begin with its priority as <N>; see sd-daemon(3)."""

BURST = 5
"""Number of similar messages that are shown in a window."""

WINDOW_S = 600.0
"""After this time, a summary tells how many messages were suppressed."""


def goes_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Return whether `stream` is the one that systemd connected to the journal (JOURNAL_STREAM is its device:inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def prefix(level: int) -> str:
    """Return `<N>` for a log level of Python; for one between two levels, that of the lower."""
    return f"<{PRIORITIES[max((known for known in PRIORITIES if known <= level), default=logging.DEBUG)]}>"


class PriorityFormatter(logging.Formatter):
    """Puts the priority in front of each line of another formatter."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return `<N>` and the line."""
        return prefix(record.levelno) + self._inner.format(record)


@dataclass
class _Window:
    """The messages of one logger, level and text, before the arguments are inserted."""

    since: float
    count: int = 0
    last: logging.LogRecord | None = None


class RepeatFilter(logging.Filter):
    """Passes the first `burst` of similar messages in each window, and counts the others. Any thread may log.

    Messages are similar if logger, level and text, without its arguments, are the same.
    """

    def __init__(
        self, burst: int = BURST, window: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._burst, self._window_s, self._clock = burst, window, clock
        self._windows: dict[tuple[str, int, str], _Window] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the message is shown."""
        with self._lock:
            window = self._windows.setdefault((record.name, record.levelno, str(record.msg)), _Window(self._clock()))
            window.count, window.last = window.count + 1, record
            return window.count <= self._burst

    def take_summaries(self, *, close_all: bool = False) -> list[logging.LogRecord]:
        """Close the windows that are over, or all. Return a summary for each that suppressed messages."""
        now = self._clock()
        with self._lock:
            closed = {
                key: each for key, each in self._windows.items() if close_all or now - each.since >= self._window_s
            }
            for key in closed:
                del self._windows[key]
        return [_summary(each, each.count - self._burst, now) for each in closed.values() if each.count > self._burst]


def _summary(window: _Window, suppressed: int, now: float) -> logging.LogRecord:
    last = window.last
    assert last is not None
    minutes = max(1, math.ceil((now - window.since) / 60))
    messages = "message" if suppressed == 1 else "messages"
    text = f"suppressed {suppressed} similar {messages} in {minutes} min; last: {last.getMessage()}"
    return logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, None, None)


@contextlib.contextmanager
def limited_repeats(logger: logging.Logger) -> Iterator[Callable[[], None]]:
    """Limit similar messages in the first stream of `logger` while inside. Yields a function that logs due summaries.

    The loop of the daemon calls that function, because no message may come after the suppressed ones. At the end, all
    summaries are logged.
    """
    handler = next((each for each in logger.handlers if isinstance(each, logging.StreamHandler)), None)
    if handler is None:
        yield lambda: None
        return
    repeats = RepeatFilter()

    def log_summaries(*, close_all: bool = False) -> None:
        for summary in repeats.take_summaries(close_all=close_all):
            handler.acquire()  # not `handle`, which would filter the summary
            try:
                handler.emit(summary)
            finally:
                handler.release()

    handler.addFilter(repeats)
    try:
        yield log_summaries
    finally:
        handler.removeFilter(repeats)
        log_summaries(close_all=True)
