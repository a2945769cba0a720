"""The loop from frame to row."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol

from edgecls.device.sources import Source
from edgecls.records import Classification, Frame

log = logging.getLogger(__name__)


class Classifies(Protocol):
    """What the loop needs of a classifier."""

    def classify(self, image: Frame) -> Classification:
        """Never raises for a bad image: the row says what was wrong."""
        ...


class Sink(Protocol):
    """What the loop needs of a database."""

    def has(self, source: str, key: str) -> bool:
        """Whether the frame has its row."""
        ...

    def has_failed(self, source: str, key: str) -> bool:
        """Whether the frame's row has an error."""
        ...

    def write(self, classification: Classification) -> None:
        """On return, the row is committed."""
        ...


def run(source: Source, classifier: Classifies, store: Sink, stop: threading.Event) -> int:
    """Classify frames until the source ends or `stop` is set; return how many rows were written.

    Decode, classify, commit, acknowledge: in this order for every frame, so that a cut at any point loses nothing
    that is not done again after the restart. A frame that has its row (a restart sees the folder afresh) is passed.
    """
    rows = 0
    for frame in source.frames(stop):
        if store.has(frame.source, frame.key):
            failed = store.has_failed(frame.source, frame.key)
        else:
            classification = classifier.classify(frame)
            store.write(classification)
            rows += 1
            failed = classification.error is not None
            if failed:
                log.warning("%s %s", frame.path or frame.key, classification.error)
        source.done(frame, failed=failed)
    return rows


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, so that the frame in hand is finished; a second signal ends at once."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        log.info("%s: finishing the frame in hand", signal.Signals(number).name)
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
