"""The loop from frame to row."""

import enum
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
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

    def overdue(self, now: datetime) -> Classification | None:
        """The same for a vote that has waited long enough, when no frame comes."""
        ...

    def flush(self) -> Classification | None:
        """The same for a vote that gets no more frames."""
        ...


class Prunes(Protocol):
    """What keeps to a budget."""

    def prune(self) -> object:
        """Remove what is too old or too much; after a commit."""
        ...


class Saves(Prunes, Protocol):
    """What the loop needs to keep frames as files."""

    def save(self, frame: Frame, classification: Classification) -> Classification:
        """Keep the frame if it is wanted, before its row is committed; the row then names the file."""
        ...


Patience = Callable[[Callable[[], object]], bool]
"""Does an action, again and again while the disk is full; False if it gave up because the daemon is to stop."""


def impatient(action: Callable[[], object]) -> bool:
    """Do it once; what it raises passes."""
    action()
    return True


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


class Turn(enum.Enum):
    """How one turn of the loop ended."""

    IDLE = "the source has nothing, and is well"
    ROW = "a row was committed"
    KNOWN = "the frame had its row already"
    HELD = "the vote is open: no row yet"
    STOPPED = "the row could not be committed, and the daemon is to stop: the frame was not acknowledged"


class Steps:
    """Decode, classify, decide, save, commit, acknowledge: what is done to a frame, in this order.

    A vote may record a frame that came before the one in hand; to save its picture, `held_frames` are kept.
    """

    def __init__(
        self,
        source: Source,
        classifier: Classifies,
        store: Sink,
        *,
        vote: Decides | None = None,
        saved: Saves | None = None,
        retention: Prunes | None = None,
        held_frames: int = 0,
        patience: Patience = impatient,
    ) -> None:
        self._source, self._classifier, self._store = source, classifier, store
        self._vote, self._saved, self._retention = vote, saved, retention
        self._held: deque[Frame] = deque(maxlen=max(held_frames, 1))
        self._patience = patience

    def take(self, frame: Frame, tally: Tally) -> Turn:
        """One frame, from pixels to a committed row, so that a cut at any point loses nothing.

        What was not finished is done again after the restart. A frame that has its row (a restart sees the folder
        afresh) is only acknowledged. Raises what the store raises.
        """
        known = self._known(frame)
        if known is not None:
            self._source.done(frame, failed=known)
            return Turn.KNOWN
        classification = self._classifier.classify(frame)
        tally.last_frame = classification.classified_at
        self._held.append(frame)
        decided = self._vote.decide(classification) if self._vote else classification
        if decided is None:
            tally.held += 1
        elif not self._record(decided, tally):
            return Turn.STOPPED
        else:
            self._held.clear()
        self._source.done(frame, failed=classification.error is not None)
        return Turn.HELD if decided is None else Turn.ROW

    def idle(self, tally: Tally) -> Turn:
        """No frame: a vote may have waited long enough."""
        decided = self._vote.overdue(datetime.now(timezone.utc)) if self._vote else None
        return Turn.ROW if decided is not None and self._record(decided, tally) else Turn.IDLE

    def finish(self, tally: Tally) -> None:
        """No more frames for these steps: record what the vote has."""
        decided = self._vote.flush() if self._vote else None
        if decided is not None:
            self._record(decided, tally)

    def _known(self, frame: Frame) -> bool | None:
        """Whether the frame's row has an error; None if it has no row."""
        return frame.image is None if self._store.has(frame.source, frame.key) else None

    def _record(self, decided: Classification, tally: Tally) -> bool:
        """Save the frame if it is wanted, and commit its row; False if the daemon is to stop before that is possible."""
        if not self._patience(lambda: self._commit(decided)):
            return False
        tally.rows += 1
        if decided.error:
            tally.errors += 1
            log.warning("%s %s", decided.path or decided.key, decided.error)
        for budget in (self._saved, self._retention):
            if budget:
                budget.prune()
        return True

    def _commit(self, decided: Classification) -> None:
        """Once, or again where the disk was full: both steps bear it."""
        frame = next((held for held in self._held if held.key == decided.key), None)
        if self._saved and frame is not None:
            decided = self._saved.save(frame, decided)
        self._store.write(decided)


def turns(frames: Iterator[Frame | None], steps: Steps, tally: Tally) -> Iterator[Turn]:
    """Take every frame; yield after each, and when the source says that it has none, how that turn ended.

    Whoever iterates may stop after any turn, and go on with the same `frames` and other `steps`.
    """
    for frame in frames:
        yield steps.idle(tally) if frame is None else steps.take(frame, tally)


def run(source: Source, classifier: Classifies, store: Sink, stop: threading.Event) -> int:
    """Classify frames until the source ends or `stop` is set; return how many rows were written."""
    tally = Tally()
    steps = Steps(source, classifier, store)
    for _ in turns(source.frames(stop), steps, tally):
        pass
    steps.finish(tally)
    return tally.rows
