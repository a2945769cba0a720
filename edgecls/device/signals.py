"""What the daemon is told by signals."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Requests:
    """Events that signals set: to stop once what is under way is finished, to read configuration and model anew."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)


class AnyOf(threading.Event):
    """Set while one of several events is. `wait` wakes for the first of them; it sees the others when its time is over."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        """Whether one of them is."""
        return any(event.is_set() for event in self._events)

    def wait(self, timeout: float | None = None) -> bool:
        """Until the first is set; whether one of them is then."""
        return self._events[0].wait(timeout) or self.is_set()


@contextlib.contextmanager
def requests_by_signal() -> Iterator[Requests]:
    """SIGTERM and SIGINT ask for the stop, SIGHUP for the reload; a second SIGTERM or SIGINT ends at once."""
    requests = Requests()

    def stop(number: int, _: FrameType | None) -> None:
        if requests.stop.is_set():
            raise KeyboardInterrupt
        log.info("%s: finishing what is under way", signal.Signals(number).name)
        requests.stop.set()

    def reload(_: int, __: FrameType | None) -> None:
        requests.reload.set()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
