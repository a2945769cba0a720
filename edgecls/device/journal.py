"""Log lines as the journal likes them: with their priority, and not the same thing ten thousand times."""

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[TextIO]
else:
    _TextHandler = logging.StreamHandler  # to be subscripted it needs Python 3.11

PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Python's levels -> syslog's (sd-daemon(3)): a line on stderr may begin with its own as <N>."""

BURST = 5
"""So many lines of a kind are shown in a window."""

WINDOW_S = 600.0
"""After this, what was left out is summed up in a line."""


def goes_to_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether `stream` is the one that systemd connected to the journal (JOURNAL_STREAM is its device:inode)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def prefix(level: int) -> str:
    """`<N>` for a level of Python's, or for one between two the lower."""
    return f"<{PRIORITIES[max((known for known in PRIORITIES if known <= level), default=logging.DEBUG)]}>"


class PriorityFormatter(logging.Formatter):
    """Any formatter's lines, each with its priority in front."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """`<N>` and the line."""
        return prefix(record.levelno) + self._inner.format(record)


@dataclass
class _Kind:
    """Records of one logger, level and text (before the names are put in)."""

    since: float
    shown: int = 0
    left_out: int = 0
    last: logging.LogRecord | None = None


class RepeatLimit:
    """Decides which records are shown: of each kind the first few in a window, then how many more there were."""

    def __init__(self, burst: int = BURST, window: float = WINDOW_S) -> None:
        self._burst, self._window = burst, window
        self._kinds: dict[tuple[str, int, str], _Kind] = {}

    def admit(self, record: logging.LogRecord, now: float) -> bool:
        """Whether `record` is shown now [seconds]; if not, it is counted."""
        kind = self._kinds.setdefault((record.name, record.levelno, str(record.msg)), _Kind(now))
        if kind.shown < self._burst:
            kind.shown += 1
            return True
        kind.left_out, kind.last = kind.left_out + 1, record
        return False

    def due(self, now: float, *, everything: bool = False) -> list[logging.LogRecord]:
        """The summaries of windows that are over [seconds], or of all that are open; those kinds begin anew."""
        over = {name: kind for name, kind in self._kinds.items() if everything or now - kind.since >= self._window}
        for name in over:
            del self._kinds[name]
        return [_summary(kind, now) for kind in over.values() if kind.last is not None]


def _summary(kind: _Kind, now: float) -> logging.LogRecord:
    last = kind.last
    assert last is not None
    minutes = max(1, math.ceil((now - kind.since) / 60))
    span = "minute" if minutes == 1 else f"{minutes} minutes"
    text = f"... {kind.left_out} more of this kind in the last {span}, the latest: {last.getMessage()}"
    return logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, None, None)


class LimitedHandler(_TextHandler):
    """A stream of log lines in which nothing repeats for ever; for a daemon."""

    def __init__(
        self,
        stream: TextIO | None = None,
        limit: RepeatLimit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._limit, self._clock = limit or RepeatLimit(), clock

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it."""
        self.sum_up()
        if self._limit.admit(record, self._clock()):
            super().emit(record)

    def sum_up(self, *, everything: bool = False) -> None:
        """Write the summaries that are due; the loop calls this, since silence brings no record that would."""
        for summary in self._limit.due(self._clock(), everything=everything):
            super().emit(summary)

    def close(self) -> None:
        """Sum up what was counted; the stream stays open."""
        self.sum_up(everything=True)
        super().close()


@contextlib.contextmanager
def limited_repeats(logger: logging.Logger) -> Iterator[Callable[[], None]]:
    """While inside, what the first handler of `logger` writes is limited; gives the function that writes due summaries.

    The handler's stream and formatter stay. On leaving, all that is open is summed up.
    """
    plain = next((each for each in logger.handlers if isinstance(each, logging.StreamHandler)), None)
    if plain is None:
        yield lambda: None
        return
    limited = LimitedHandler(plain.stream)
    limited.setFormatter(plain.formatter)
    logger.removeHandler(plain)
    logger.addHandler(limited)
    try:
        yield limited.sum_up
    finally:
        logger.removeHandler(limited)
        logger.addHandler(plain)
        limited.close()
