"""The loop from frame to row: decode, classify, decide, save, commit, acknowledge."""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple, TypeVar

from edgecls.database.retry import retry
from edgecls.database.store import Store
from edgecls.device.classifier_pool import ClassifierPool, image_bytes
from edgecls.device.maintenance import Maintenance
from edgecls.device.pipeline_counts import PipelineCounts
from edgecls.device.saving.saved_frames import SavedFrames
from edgecls.device.sources import EndOfSource, Source
from edgecls.device.vote import Vote
from edgecls.records import Classification, Frame

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_ROWS = 16
"""Rows committed together where frames come fast: a commit waits for the disk, and costs as much as 30 rows."""
_GROUP_SECONDS = 0.1  # no row waits longer for others
_GROUP_BYTES = 16 * 2**20  # of images, which are kept until the commit: without it their frames are classified again


class _Classified(NamedTuple):
    """A frame that is classified and waits for the commit."""

    frame: Frame | None
    """to acknowledge after the commit; None if that was done, and only the row of a vote is left"""
    row: Classification | None
    """None if a vote has not been decided yet, or a cool-down suppresses the row"""
    has_failed: bool = False


@dataclass
class Unfinished:
    """The work that a pipeline passes to the next one, so that a reload loses no frame and repeats none."""

    frames: list[Frame] = field(default_factory=list)
    """to classify again, in the order of the source"""
    group: list[_Classified] = field(default_factory=list)
    """rows that a vote has decided and that are not committed yet"""
    vote: Vote | None = None
    recent: deque[Frame] = field(default_factory=deque)
    """frames of the vote, one of which may be saved"""


class FramePipeline:
    """Take frames from a source, classify them, and commit their rows; acknowledge each frame after its commit.

    Frames are decoded and classified ahead, in the threads of `pool`; the rest happens in the calling thread, in the order
    of the source. Up to `group_rows` rows are committed together. A vote may record a frame older than the current one,
    so the last `recent_frames` are kept for saving. A vote also sees frames that have a row already: after a restart it
    decides from the same frames as before, and only its decision is compared with the rows.

    Where the database is unavailable, the pipeline waits and calls `on_wait` once a second. Once `interrupt` is set, it
    stops after the frames in flight, or raises GaveUp where they cannot be committed: their frames are not acknowledged
    then, and stay in the pipeline. `on_step` is called after every step.
    """

    def __init__(
        self,
        source: Source,
        pool: ClassifierPool,
        store: Store,
        *,
        interrupt: threading.Event,
        counts: PipelineCounts,
        vote: Vote | None = None,
        is_live: bool = True,
        saved_frames: SavedFrames | None = None,
        maintenance: Maintenance | None = None,
        recent_frames: int = 0,
        group_rows: int = 1,
        unfinished: Unfinished | None = None,
        on_step: Callable[[], None] = lambda: None,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        """`is_live`: the frames' times are of the present, so that an open vote may time out while no frame comes."""
        before = unfinished or Unfinished()
        self._source, self._pool, self._store = source, pool, store
        self._interrupt, self._counts = interrupt, counts
        self._vote, self._is_live = vote, is_live
        self._saved_frames, self._maintenance = saved_frames, maintenance
        self._recent = deque(before.recent, maxlen=max(recent_frames, 1))
        self._group_rows = group_rows
        self._on_step, self._on_wait = on_step, on_wait
        self._pending = deque(before.frames)  # taken from the source, not submitted yet
        self._group = before.group
        self._group_since = time.monotonic()

    def process_frames(self) -> None:
        """Process frames until the source ends or `interrupt` is set; then finish those in flight.

        May be called again. Raises GaveUp, and what source and store raise.
        """
        self._submit_pending()
        while not self._interrupt.is_set():
            try:
                frame = self._source.next_frame()
            except EndOfSource:
                break
            if frame is None:
                self.drain()
                self._idle()
            else:
                self._pending.append(frame)
                self._submit_pending()
            self._on_step()
        self.drain()

    def drain(self) -> None:
        """Finish all frames in flight, and commit their rows. Raises as `process_frames` does."""
        self._submit_pending()
        while len(self._pool):
            self._collect()
            self._on_step()
        self._commit()

    def close_vote(self) -> None:
        """Decide the open vote with the frames that it has; no more will follow. Raises as `process_frames` does."""
        try:
            self.drain()
        finally:  # where the database is unavailable the decision stays in the group
            row = self._vote.flush() if self._vote else None
            if row is not None:
                self._add(_Classified(None, row))
        self._commit()

    def release(self) -> Unfinished:
        """Give up what is not finished, and return it.

        Frames that a vote has counted are not classified again: its decisions stay rows to commit.
        """
        frames: list[Frame] = []
        if self._vote is None:
            frames = [each.frame for each in self._group if each.frame is not None]
            self._group = [each for each in self._group if each.frame is None]
        frames += [*self._pool.release(), *self._pending]
        self._pending.clear()
        group, self._group = self._group, []
        return Unfinished(frames, group, self._vote, self._recent)

    def _submit_pending(self) -> None:
        """Submit each pending frame, unless it has a row already: then only acknowledge it, as after a restart."""
        while self._pending:
            frame = self._pending[0]
            has_failed = None if self._vote else self._recorded(frame)
            if has_failed is None:
                self._pool.submit(frame)
            else:
                self._source.acknowledge(frame, failed=has_failed)
            self._pending.popleft()
            self._commit_if_due()
            while self._pool.has_result:
                self._collect()

    def _recorded(self, frame: Frame) -> bool | None:
        """Return whether the row of this frame has an error; None if it has no row.

        A frame of the same key that is in flight gets its row first.
        """
        grouped = (each.frame for each in self._group if each.frame is not None)
        if any(frame.key == other.key for other in itertools.chain(grouped, self._pool)):
            while len(self._pool):
                self._collect()
            self._commit()
        return self._retry(lambda: self._store.failed(frame.source, frame.key))

    def _collect(self) -> None:
        """Add the next classification to the group, with what the vote makes of it.

        Rows do not wait for a frame that takes long, or on which the network fails: they are committed first.
        """
        left = self._group_since + _GROUP_SECONDS - time.monotonic()
        if self._group and not self._pool.wait_for_result(left):
            self._commit()
        frame, classification = self._pool.next_result()
        if classification.error is None:
            self._recent.append(frame)
        row = self._vote.decide(classification) if self._vote else classification
        self._counts.add_frame(classification, is_deferred=row is None)
        self._add(_Classified(frame, row, has_failed=classification.error is not None))
        self._commit_if_due()

    def _add(self, classified: _Classified) -> None:
        if not self._group:
            self._group_since = time.monotonic()
        self._group.append(classified)

    def _commit_if_due(self) -> None:
        if not self._group:
            return
        is_full = len(self._group) >= self._group_rows or time.monotonic() - self._group_since >= _GROUP_SECONDS
        if is_full or image_bytes(each.frame for each in self._group if each.frame is not None) >= _GROUP_BYTES:
            self._commit()

    def _commit(self) -> None:
        """Commit the rows of the group in one transaction, then acknowledge its frames."""
        rows = self._retry(self._write_group) if any(each.row for each in self._group) else []
        group, self._group = self._group, []
        for row in rows:
            self._counts.add_row(row)
            if row.error:
                log.warning("%s %s", row.path or row.key, row.error)
        for each in group:
            if each.frame is not None:
                self._source.acknowledge(each.frame, failed=each.has_failed)
        # After the acknowledgement: a row that is removed while its file is still there would be written again.
        if rows:
            self._run_maintenance(len(rows))

    def _write_group(self) -> list[Classification]:
        """Write the rows of the group, and return them. May be called again after it has raised Unavailable."""
        rows = [each.row for each in self._group if each.row is not None]
        if self._vote:  # it also sees frames that have a row
            rows = [row for row in rows if self._store.failed(row.source, row.key) is None]
        rows = [self._save_frame(row) for row in rows]
        if rows:
            self._store.write_many(rows)
        return rows

    def _save_frame(self, row: Classification) -> Classification:
        frame = next((recent for recent in self._recent if recent.key == row.key), None)
        return self._saved_frames.save(frame, row) if self._saved_frames and frame is not None else row

    def _idle(self) -> None:
        """Decide a vote that has waited long enough, and let rows and saved frames age."""
        row = self._vote.overdue(datetime.now(timezone.utc)) if self._vote and self._is_live else None
        if row is None:
            self._run_maintenance(0)
        else:
            self._add(_Classified(None, row))
            self._commit()

    def _run_maintenance(self, new_rows: int) -> None:
        maintenance = self._maintenance
        if maintenance is not None:
            self._retry(lambda: maintenance.run(new_rows))

    def _retry(self, action: Callable[[], T]) -> T:
        return retry(action, self._interrupt, progress=self._on_wait)
