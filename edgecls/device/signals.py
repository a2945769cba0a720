"""Turn signals into requests to the daemon."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from types import FrameType

log = logging.getLogger(__name__)


class Requests:
    """Requests to stop, and to reload configuration and model. `interrupt` is set while there is one of either."""

    def __init__(self) -> None:
        self.stop, self.reload, self.interrupt = threading.Event(), threading.Event(), threading.Event()

    def request_stop(self) -> None:
        """Ask the daemon to finish the frames in flight, and to stop."""
        self.stop.set()
        self.interrupt.set()

    def request_reload(self) -> None:
        """Ask the daemon to read configuration and model again."""
        self.reload.set()
        self.interrupt.set()

    def begin_reload(self) -> None:
        """Note that the reload has begun. A later request asks for another one."""
        self.reload.clear()

    def end_reload(self) -> None:
        """Note that the reload has ended. A request that came meanwhile stays."""
        self.interrupt.clear()
        if self.stop.is_set() or self.reload.is_set():
            self.interrupt.set()


@contextlib.contextmanager
def requests_by_signal() -> Iterator[Requests]:
    """Let SIGTERM and SIGINT request a stop, and SIGHUP a reload; a second SIGTERM or SIGINT ends the process at once."""
    requests = Requests()

    def stop(number: int, _: FrameType | None) -> None:
        if requests.stop.is_set():
            raise KeyboardInterrupt
        log.info("%s: finishing the frames in flight", signal.Signals(number).name)
        requests.request_stop()

    def reload(_: int, __: FrameType | None) -> None:
        requests.request_reload()

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
