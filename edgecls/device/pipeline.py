"""The loop from frame to row."""

import enum
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from edgecls.device.classifier_pool import Ahead, image_bytes
from edgecls.device.heartbeat import Tally
from edgecls.device.protocols import CatchesUp, Classifies, Decides, Patience, Prunes, Saves, Sink, impatient
from edgecls.device.sources import Source
from edgecls.records import Classification, Frame

log = logging.getLogger(__name__)

GROUP_ROWS = 16
"""Rows that are committed together where frames come fast: a commit waits for the disk, and costs 30 rows' work."""
_GROUP_SECONDS = 0.1  # no row waits longer for others
_GROUP_BYTES = 16 * 2**20  # of their images, which are kept until then: a row that cannot be committed is made again


class Turn(enum.Enum):
    """How one turn of the loop ended."""

    IDLE = "the source has nothing, and is well"
    TAKEN = "the frame is on its way"
    ROW = "rows were committed, and their frames acknowledged"
    KNOWN = "the frame had its row already"
    KNOWN_ERROR = "the frame had its row already, and that says what was wrong"
    HELD = "the vote is open: no row yet"
    STOPPED = "rows could not be committed, and the daemon is to stop or reload: their frames were not acknowledged"


class _Done(NamedTuple):
    """A frame that is classified and waits for the commit."""

    frame: Frame | None
    """to be acknowledged then; None: the row is of frames that were"""
    row: Classification | None
    """None: it is part of a vote that is open"""
    failed: bool


class Steps:
    """Decode, classify, decide, save, commit, acknowledge: what is done to a frame, in this order.

    The first two are done ahead, in other threads; all else here, in the order of the source, and for up to `together`
    frames at a time. A vote may record a frame that came before the one in hand; to save its picture, `held_frames` are
    kept. A vote sees every frame, also what has its row: after a restart it decides from the same frames as before, and
    only what it decides is compared with the rows. If frames are not `is_live`, their times are not those of the clock.
    """

    def __init__(
        self,
        source: Source,
        ahead: Ahead,
        store: Sink,
        *,
        vote: Decides | None = None,
        is_live: bool = True,
        saved: Saves | None = None,
        retention: Prunes | None = None,
        upkeep: Sequence[CatchesUp] = (),
        held_frames: int = 0,
        together: int = 1,
        patience: Patience = impatient,
    ) -> None:
        self._source, self._ahead, self._store = source, ahead, store
        self.vote, self._saved, self._retention = vote, saved, retention
        self._upkeep = upkeep
        self._is_live = is_live
        self.held: deque[Frame] = deque(maxlen=max(held_frames, 1))
        self._together = together
        self._patience = patience
        self.group: list[_Done] = []
        """to be committed, and then acknowledged, together"""
        self._group_since = 0.0
        self._unasked: list[Frame] = []  # frames of which the database could not be asked

    def take(self, frame: Frame, tally: Tally) -> Turn:
        """Send a frame on its way, and finish what has come back; all so that a cut at any point loses nothing.

        What was not finished is done again after the restart. A frame that has its row (a restart sees the folder
        afresh) is only acknowledged. Raises what the store raises.
        """
        known = None if self.vote else self._known(frame, tally)
        if known is Turn.STOPPED:
            self._unasked.append(frame)
            return known
        if known is None:
            self._ahead.begin(frame)
        else:
            self._source.acknowledge(frame, failed=known is Turn.KNOWN_ERROR)
        turn = self._commit(tally) if self._is_due() else known or Turn.TAKEN
        while self._ahead.is_due and turn is not Turn.STOPPED:
            if not self._collect(tally):
                return Turn.STOPPED
            turn = self._commit(tally) if self._is_due() else turn
        return turn

    def settle(self, tally: Tally) -> bool:
        """Finish all that is under way; False if the daemon is to stop or to reload before that is possible."""
        return all(turn is not Turn.STOPPED for turn in self.settling(tally))

    def settling(self, tally: Tally) -> Iterator[Turn]:
        """The same, one turn a frame."""
        while len(self._ahead) or self.group:
            if len(self._ahead) and not self._collect(tally):
                yield Turn.STOPPED
                continue
            yield self._commit(tally) if self._is_due() or not len(self._ahead) else Turn.TAKEN

    def idle(self, tally: Tally) -> Turn:
        """No frame, and none under way: a vote may have waited long enough, and rows and saved frames grow older."""
        overdue = self.vote.overdue(datetime.now(timezone.utc)) if self.vote and self._is_live else None
        if overdue is not None:
            self._add(_Done(None, overdue, failed=False))
            return self._commit(tally)
        self._keep_house(0)
        return Turn.IDLE

    def finish(self, tally: Tally) -> None:
        """No more frames for these steps: record what is under way, and what the vote has."""
        self.settle(tally)
        decided = self.vote.flush() if self.vote else None
        if decided is not None:
            self._add(_Done(None, decided, failed=False))
            self._commit(tally)

    def give_back(self) -> list[Frame]:
        """The frames that are not finished, in order, to be taken again: here they are forgotten.

        But not those that a vote has counted: what it decided stays in the `group`, to be committed later.
        """
        frames: list[Frame] = []
        if not self.vote:
            frames = [done.frame for done in self.group if done.frame is not None]
            self.group = []
        frames += self._ahead.give_back() + self._unasked
        self._unasked = []
        return frames

    def take_over_vote(self, before: "Steps") -> None:
        """Go on with the vote that those steps have begun."""
        self.vote, self.held, self.group = before.vote, before.held, before.group

    def _known(self, frame: Frame, tally: Tally) -> Turn | None:
        """None if the frame has no row. One with the same key that is under way gets its row first."""
        if any(frame.key == other.key for other in self._frames()) and not self.settle(tally):
            return Turn.STOPPED
        found: list[bool | None] = []
        if not self._patience(lambda: found.append(self._store.failed(frame.source, frame.key))):
            return Turn.STOPPED
        return None if found[0] is None else Turn.KNOWN_ERROR if found[0] else Turn.KNOWN

    def _frames(self) -> Iterator[Frame]:
        """Those under way."""
        yield from (done.frame for done in self.group if done.frame is not None)
        yield from self._ahead

    def _collect(self, tally: Tally) -> bool:
        """The next classification joins the group, with what the vote makes of it.

        Rows do not wait for a frame that takes long, or on which the network fails: they are committed first. False if
        the daemon is to stop or to reload before that is possible.
        """
        left = self._group_since + _GROUP_SECONDS - time.monotonic()
        if self.group and not self._ahead.is_ready_within(left) and self._commit(tally) is Turn.STOPPED:
            return False
        frame, classification = self._ahead.next()
        tally.last_frame = classification.classified_at
        failed = classification.error is not None
        if not failed:  # an error is no vote
            self.held.append(frame)
        row = self.vote.decide(classification) if self.vote else classification
        tally.held += row is None
        self._add(_Done(frame, row, failed))
        return True

    def _add(self, done: _Done) -> None:
        if not self.group:
            self._group_since = time.monotonic()
        self.group.append(done)

    def _is_due(self) -> bool:
        """Whether the group is to be committed, whatever may follow."""
        if len(self.group) >= self._together:
            return True
        images = image_bytes(done.frame for done in self.group if done.frame is not None)
        return images >= _GROUP_BYTES or (bool(self.group) and time.monotonic() - self._group_since >= _GROUP_SECONDS)

    def _commit(self, tally: Tally) -> Turn:
        """Commit the rows of the group at once, then acknowledge its frames, unless the daemon is to stop before that."""
        rows: list[Classification] = []
        if any(done.row for done in self.group) and not self._patience(lambda: rows.extend(self._write())):
            return Turn.STOPPED
        group, self.group = self.group, []
        for row in rows:
            tally.rows += 1
            if row.error:
                tally.errors += 1
                log.warning("%s %s", row.path or row.key, row.error)
        for done in group:
            if done.frame is not None:
                self._source.acknowledge(done.frame, failed=done.failed)
        if rows:  # last: a row that is removed before its file is put away would be written again after a power cut
            self._keep_house(len(rows))
        return Turn.ROW if rows else Turn.HELD

    def _write(self) -> list[Classification]:
        """What is now committed. Once, or again where the disk was full: all of it bears that."""
        rows = [done.row for done in self.group if done.row is not None]
        if self.vote:  # which has seen frames that have their row
            rows = [row for row in rows if self._store.failed(row.source, row.key) is None]
        rows = [self._with_file(row) for row in rows]
        if rows:
            self._store.write_many(rows)
        return rows

    def _with_file(self, row: Classification) -> Classification:
        """Save its frame if that is wanted."""
        frame = next((held for held in self.held if held.key == row.key), None)
        return self._saved.save(frame, row) if self._saved and frame is not None else row

    def _keep_house(self, rows: int) -> None:
        for budget in (self._saved, self._retention):
            if budget:
                self._patience(budget.prune)
        for part in self._upkeep:
            self._patience(lambda part=part: part.catch_up(rows))  # type: ignore[misc]  # mypy does not infer it


def turns(frames: Iterator[Frame | None], steps: Steps, tally: Tally) -> Iterator[Turn]:
    """Take every frame; yield after each, and when the source says that it has none, how that turn ended.

    While the source has frames the newest are decoded and classified ahead; when it has none, or ends, all are finished
    at once. Whoever iterates may stop after any turn, and go on with the same `frames` and other `steps`.
    """
    for frame in frames:
        if frame is None:
            yield from steps.settling(tally)
            yield steps.idle(tally)
        else:
            yield steps.take(frame, tally)
    yield from steps.settling(tally)


def run(source: Source, classifier: Classifies, store: Sink, stop: threading.Event) -> int:
    """Classify frames one at a time until the source ends or `stop` is set; return how many rows were written."""
    tally = Tally()
    with Ahead([classifier], at_once=True) as ahead:
        steps = Steps(source, ahead, store)
        for _ in turns(source.frames(stop), steps, tally):
            pass
        steps.finish(tally)
    return tally.rows
