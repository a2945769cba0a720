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
"""Does an action, again and again while the disk is full; False if it gave up: the daemon is to stop, or to reload."""


def impatient(action: Callable[[], object]) -> bool:
    """Do it once; what it raises passes."""
    action()
    return True


class Sink(Protocol):
    """What the loop needs of a database."""

    def failed(self, source: str, key: str) -> bool | None:
        """Whether the frame's row has an error; None if it has no row."""
        ...

    def write(self, classification: Classification) -> None:
        """On return, the row is committed."""
        ...


class Turn(enum.Enum):
    """How one turn of the loop ended."""

    IDLE = "the source has nothing, and is well"
    ROW = "a row was committed"
    KNOWN = "the frame had its row already"
    KNOWN_ERROR = "the frame had its row already, and that says what was wrong"
    HELD = "the vote is open: no row yet"
    STOPPED = "the row could not be committed, and the daemon is to stop or reload: the frame was not acknowledged"


class Steps:
    """Decode, classify, decide, save, commit, acknowledge: what is done to a frame, in this order.

    A vote may record a frame that came before the one in hand; to save its picture, `held_frames` are kept. A vote
    sees every frame, also what has its row: after a restart it decides from the same frames as before, and only what it
    decides is compared with the rows. If frames are not `is_live`, their times are not those of the clock.
    """

    def __init__(
        self,
        source: Source,
        classifier: Classifies,
        store: Sink,
        *,
        vote: Decides | None = None,
        is_live: bool = True,
        saved: Saves | None = None,
        retention: Prunes | None = None,
        held_frames: int = 0,
        patience: Patience = impatient,
    ) -> None:
        self._source, self._classifier, self._store = source, classifier, store
        self.vote, self._saved, self._retention = vote, saved, retention
        self._is_live = is_live
        self.held: deque[Frame] = deque(maxlen=max(held_frames, 1))
        self._patience = patience
        self.unfinished: Frame | None = None
        """the frame whose turn ended STOPPED, to be taken again; with a vote, which has counted it, there is none"""
        self.pending: Classification | None = None
        """what a vote has decided and could not be committed, to be recorded by `settle`"""

    def take(self, frame: Frame, tally: Tally) -> Turn:
        """One frame, from pixels to a committed row, so that a cut at any point loses nothing.

        What was not finished is done again after the restart. A frame that has its row (a restart sees the folder
        afresh) is only acknowledged. Raises what the store raises.
        """
        known = None if self.vote else self._known(frame.source, frame.key)
        self.unfinished = frame if known is Turn.STOPPED else None
        if known is not None:
            if known is not Turn.STOPPED:
                self._source.done(frame, failed=known is Turn.KNOWN_ERROR)
            return known
        classification = self._classifier.classify(frame)
        tally.last_frame = classification.classified_at
        if classification.error is None:  # an error is no vote
            self.held.append(frame)
        decided = self.vote.decide(classification) if self.vote else classification
        turn = self._decided(decided, tally)
        if decided is None:
            tally.held += 1
        if turn is not Turn.STOPPED:
            self._source.done(frame, failed=classification.error is not None)
        elif not self.vote:
            self.unfinished = frame
        return turn

    def _decided(self, decided: Classification | None, tally: Tally) -> Turn:
        """Record what was decided, unless that has its row."""
        if decided is None:
            return Turn.HELD
        known = self._known(decided.source, decided.key) if self.vote else None
        turn = known or self._record(decided, tally)
        self.pending = decided if self.vote and turn is Turn.STOPPED else None
        return turn

    def settle(self, tally: Tally) -> Turn:
        """Record what is pending."""
        return self._decided(self.pending, tally)

    def idle(self, tally: Tally) -> Turn:
        """No frame: a vote may have waited long enough, and rows and saved frames grow older."""
        decided = self.vote.overdue(datetime.now(timezone.utc)) if self.vote and self._is_live else None
        if decided is not None:
            return self._decided(decided, tally)
        self._prune()
        return Turn.IDLE

    def finish(self, tally: Tally) -> None:
        """No more frames for these steps: record what the vote has."""
        self.settle(tally)
        decided = self.vote.flush() if self.vote else None
        self._decided(decided, tally)

    def take_over_vote(self, before: "Steps") -> None:
        """Go on with the vote that those steps have begun."""
        self.vote, self.held, self.pending = before.vote, before.held, before.pending

    def _known(self, source: str, key: str) -> Turn | None:
        """None if the frame has no row."""
        found: list[bool | None] = []
        if not self._patience(lambda: found.append(self._store.failed(source, key))):
            return Turn.STOPPED
        return None if found[0] is None else Turn.KNOWN_ERROR if found[0] else Turn.KNOWN

    def _record(self, decided: Classification, tally: Tally) -> Turn:
        """Save the frame if it is wanted, and commit its row, unless the daemon is to stop before that is possible."""
        if not self._patience(lambda: self._commit(decided)):
            return Turn.STOPPED
        tally.rows += 1
        if decided.error:
            tally.errors += 1
            log.warning("%s %s", decided.path or decided.key, decided.error)
        self._prune()
        return Turn.ROW

    def _prune(self) -> None:
        for budget in (self._saved, self._retention):
            if budget:
                self._patience(budget.prune)

    def _commit(self, decided: Classification) -> None:
        """Once, or again where the disk was full: both steps bear it."""
        frame = next((held for held in self.held if held.key == decided.key), None)
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
