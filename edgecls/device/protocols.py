"""What the loop needs of its parts, and no more: each may be another one, in a test above all."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from edgecls.records import Classification, Frame


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


class CatchesUp(Protocol):
    """What is done for many rows at a time."""

    def catch_up(self, rows: int = 1) -> object:
        """Do it if it is due; after a commit of so many `rows`."""
        ...


class Saves(Prunes, Protocol):
    """What the loop needs to keep frames as files."""

    def save(self, frame: Frame, classification: Classification) -> Classification:
        """Keep the frame if it is wanted, before its row is committed; the row then names the file."""
        ...


class Sink(Protocol):
    """What the loop needs of a database."""

    def failed(self, source: str, key: str) -> bool | None:
        """Whether the frame's row has an error; None if it has no row."""
        ...

    def write_many(self, classifications: Sequence[Classification]) -> None:
        """On return, all these rows are committed; if it raises, none is."""
        ...


Patience = Callable[[Callable[[], object]], bool]
"""Does an action, again and again while the disk is full; False if it gave up: the daemon is to stop, or to reload."""


def impatient(action: Callable[[], object]) -> bool:
    """Do it once; what it raises passes."""
    action()
    return True
