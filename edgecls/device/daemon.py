"""The loop from frame to row."""

import enum
import logging
import threading
from collections.abc import Iterator
from typing import Protocol

from edgecls.device.heartbeat import Tally
from edgecls.device.sources import Source
from edgecls.records import Classification, Frame

log = logging.getLogger(__name__)


class Classifies(Protocol):
    """What the loop needs of a classifier."""

    def classify(self, image: Frame) -> Classification:
        """Never raises for a bad image: the row says what was wrong."""
        ...


class Decides(Protocol):
    """What the loop needs of a vote: many frames, fewer rows."""

    def decide(self, classification: Classification) -> Classification | None:
        """What to record for this frame, and with it for those before; None while that is open."""
        ...


class Saves(Protocol):
    """What the loop needs to keep frames as files."""

    def save(self, frame: Frame, classification: Classification) -> Classification:
        """Keep the frame if it is wanted, before its row is committed; the row then names the file."""
        ...

    def prune(self) -> None:
        """Keep to the budget, after the commit."""
        ...


class Sink(Protocol):
    """What the loop needs of a database."""

    def has(self, source: str, key: str) -> bool:
        """Whether the frame has its row."""
        ...

    def write(self, classification: Classification) -> None:
        """On return, the row is committed."""
        ...


class Turn(enum.Enum):
    """How one turn of the loop ended."""

    IDLE = "the source has nothing, and is well"
    ROW = "a row was committed"
    KNOWN = "the frame had its row already"
    HELD = "the vote is open: no row yet"


class Steps:
    """Decode, classify, decide, save, commit, acknowledge: what is done to a frame, in this order."""

    def __init__(
        self,
        source: Source,
        classifier: Classifies,
        store: Sink,
        *,
        vote: Decides | None = None,
        saved: Saves | None = None,
    ) -> None:
        self._source, self._classifier, self._store = source, classifier, store
        self._vote, self._saved = vote, saved

    def take(self, frame: Frame, tally: Tally) -> Turn:
        """One frame, from pixels to a committed row, so that a cut at any point loses nothing.

        What was not finished is done again after the restart. A frame that has its row (a restart sees the folder
        afresh) is only acknowledged. Raises what the store raises.
        """
        if self._store.has(frame.source, frame.key):
            self._source.done(frame, failed=frame.image is None)
            return Turn.KNOWN
        classification = self._classifier.classify(frame)
        tally.last_frame = classification.classified_at
        decided = self._vote.decide(classification) if self._vote else classification
        if decided is None:
            self._source.done(frame, failed=False)
            tally.held += 1
            return Turn.HELD
        if self._saved:
            decided = self._saved.save(frame, decided)
        self._store.write(decided)
        tally.rows += 1
        if decided.error:
            tally.errors += 1
            log.warning("%s %s", frame.path or frame.key, decided.error)
        if self._saved:
            self._saved.prune()
        self._source.done(frame, failed=decided.error is not None)
        return Turn.ROW


def turns(frames: Iterator[Frame | None], steps: Steps, tally: Tally) -> Iterator[Turn]:
    """Take every frame; yield after each, and when the source says that it has none, how that turn ended.

    Whoever iterates may stop after any turn, and go on with the same `frames` and other `steps`.
    """
    for frame in frames:
        yield Turn.IDLE if frame is None else steps.take(frame, tally)


def run(source: Source, classifier: Classifies, store: Sink, stop: threading.Event) -> int:
    """Classify frames until the source ends or `stop` is set; return how many rows were written."""
    tally = Tally()
    for _ in turns(source.frames(stop), Steps(source, classifier, store), tally):
        pass
    return tally.rows
