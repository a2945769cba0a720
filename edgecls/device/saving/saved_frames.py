"""Frames kept as JPEG files beside the database, within budgets."""

import hashlib
import heapq
import logging
import os
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.database.clock.system_clock import SYSTEM_CLOCK, UNSET_BEFORE, SystemClock
from edgecls.database.saved_frame_rows import SavedFrameRows
from edgecls.device.configuration.settings import SavedFramesSettings
from edgecls.device.saving.best_frames import BestOfEachLabel
from edgecls.device.saving.frame_files import FrameFiles
from edgecls.errors import BadImage, IoFailed, Unavailable
from edgecls.images.depth import UNKNOWN_WHITE, White
from edgecls.images.preprocess import decode
from edgecls.records import UNKNOWN, Classification, Frame, SavedFrame

log = logging.getLogger(__name__)

_PAGE = 256  # rows read at once at the start
_EVERY_S = 60.0  # between two looks for frames that have become too old
_JPEG = b"\xff\xd8\xff"


def frames_folder(database: Path) -> Path:
    """Return the folder for the frames of `database`: `frames` beside `results.db`, `gate-frames` beside `gate.db`.

    A folder belongs to one database: a file in it that no row names was left by a crash.
    """
    return database.with_name("frames" if database.stem == "results" else f"{database.stem}-frames")


class SavedFrames:
    """Save frames in `folder`, and remove them when they take too much space or, by a trusted `clock`, are too old.

    `save` comes before the commit of the row, so that no row names a missing file; `prune` after it, so that no file is
    removed whose row is not committed. Both limits remove the oldest frames first, in the order of writing, and spare the
    best of each label. `max_bytes` always holds: if the best alone take more, the worst of them are removed too, from the
    label that has most. Files without a row (after a crash, or when a damaged database was set aside) count, and are
    removed first. Frames from files are saved only with `from_files`: for a folder whose files are deleted once classified;
    `white` is the value that the model takes for white in these. `every`: seconds between two looks for old frames.

    One object for one thread. Raises IoFailed and Unavailable where the folder cannot be written to.
    """

    def __init__(
        self,
        settings: SavedFramesSettings,
        folder: Path,
        rows: SavedFrameRows,
        *,
        from_files: bool = False,
        white: White = UNKNOWN_WHITE,
        every: float = _EVERY_S,
        clock: SystemClock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self._white = white
        self._rows = rows
        self._from_files = from_files
        self._every, self._clock = every, clock
        self._files = FrameFiles(folder, writable=settings.keep != "none")
        self._best = BestOfEachLabel(settings.best_per_label)
        self._spare: list[int] = []  # heap of row ids up to _passed that are not among the best
        self._passed = 0  # of the rows up to this id, those not in _spare or _best have no file
        self._seen = 0  # rows up to this id are in the account
        self._gone: list[int] = []  # rows whose file is removed, and that do not yet say so
        self._stuck = False
        self._has_new = True  # frames were saved since the last `prune`
        self._next_prune = 0.0
        self._labels: dict[str, str | None] = {}
        self._latest: tuple[Frame, Classification] | None = None
        self._begin()

    def _begin(self) -> None:
        """Match rows with files: a file without a row is stray, a row without its file is among no best."""
        while frames := self._rows.after(self._seen, _PAGE):
            for frame in frames:
                self._seen = frame.row_id
                if self._files.claim(frame.path):
                    self._best.add(frame.row_id, frame.label, frame.score)

    @property
    def total_bytes(self) -> int:
        """Size of the files [bytes]."""
        return self._files.total

    def save(self, frame: Frame, classification: Classification) -> Classification:
        """Save `frame` if it is to be kept: the same classification, with `path` and `saved_bytes` of the file.

        On return the file is on the disk. Asked again for the same frame, as a retry does, it does nothing more.
        """
        if self._latest is None or self._latest[0] is not frame:
            wanted = self._is_wanted(frame, classification)
            self._latest = (frame, self._saved(frame, classification) if wanted else classification)
            self._labels[frame.source] = classification.label
        saved = self._latest[1]
        self._has_new = self._has_new or saved.saved_bytes is not None
        return replace(classification, path=saved.path, saved_bytes=saved.saved_bytes)

    def _is_wanted(self, frame: Frame, classification: Classification) -> bool:
        keep = self._settings.keep
        if frame.path is not None and not self._from_files:
            return False
        if keep == "changed":
            if frame.source not in self._labels:
                self._labels[frame.source] = self._rows.last_label(frame.source)
            return classification.label != self._labels[frame.source]
        return keep == "all" or classification.label == UNKNOWN

    def _saved(self, frame: Frame, classification: Classification) -> Classification:
        assert frame.image is not None
        try:
            data = as_jpeg(frame.image, self._settings.quality, self._white)
        except BadImage as error:
            log.warning("%s is not saved: %s", frame.path or frame.key, error)
            return classification
        path = self._files.write(frame_file_name(classification), data)
        return replace(classification, path=str(path), saved_bytes=len(data))

    def prune(self) -> int:
        """Remove files until both limits hold, after a commit or while no frame comes; return how many.

        Reads the database only after frames were saved and, while there are any, once a minute. A file that cannot be
        removed is logged, once; the limits do not hold then.
        """
        now = time.monotonic()
        if not (self._has_new or self._gone) and (not self._files.total or now < self._next_prune):
            return 0
        self._has_new, self._next_prune = False, now + self._every
        self._note_committed()
        removed = 0
        try:
            while self._remove_one():
                removed += 1
        except IoFailed as error:
            if not self._stuck:
                log.warning("%s; saved frames may pass their limits", error)
            self._stuck = True
        else:
            self._stuck = False
        self._note_removed()
        return removed

    def _note_removed(self) -> None:
        if self._gone:
            try:
                self._rows.forget(self._gone)
                self._gone = []
            except Unavailable:
                pass  # a full disk: space was made, and the rows will say so after the next commit

    def _note_committed(self) -> None:
        while frames := self._rows.after(self._seen, _PAGE):
            for frame in frames:
                self._seen = frame.row_id
                demoted = self._best.add(frame.row_id, frame.label, frame.score)
                if demoted is not None and demoted <= self._passed:
                    heapq.heappush(self._spare, demoted)

    def _remove_one(self) -> bool:
        """Remove one file, the one to go first, if a limit is passed: stray, then the oldest, then the best."""
        full = self._files.total > self._settings.max_bytes
        oldest = self._oldest_kept()
        if not full and oldest is None:
            return False
        if self._files.remove_stray(None if full else oldest):
            return True
        frame = self._oldest_spare()
        if frame is not None and (full or (oldest is not None and self._is_older(frame, oldest))):
            self._remove(frame)
            return True
        if frame is None and full and (row_id := self._best.most_dispensable()) is not None:
            frame = self._rows.at(row_id)
            if frame is not None:
                self._remove(frame)
            self._best.remove(row_id)
            return True
        return False

    def _oldest_kept(self) -> datetime | None:
        """Return the time before which frames are too old; None without such a limit, or a clock to be believed."""
        days = self._settings.max_days
        if days is None or not self._clock.is_trusted():
            return None
        return datetime.now(timezone.utc) - timedelta(days=days)

    def _is_older(self, frame: SavedFrame, than: datetime) -> bool:
        """Compare the time of a frame's row; if the clock was not set, that of the next frame with a valid time counts."""
        dated: SavedFrame | None = frame
        while dated is not None and dated.classified_at < _text(UNSET_BEFORE):
            dated = next(iter(self._rows.after(dated.row_id, 1)), None)
        return dated is not None and dated.classified_at < _text(than)

    def _oldest_spare(self) -> SavedFrame | None:
        """Return the oldest frame that is not among the best of its label."""
        while self._spare:
            frame = self._rows.at(self._spare[0])
            if frame is not None:
                return frame
            heapq.heappop(self._spare)
        while frames := self._rows.after(self._passed, 1):
            if frames[0].row_id not in self._best:
                return frames[0]
            self._passed = frames[0].row_id
        return None

    def _remove(self, frame: SavedFrame) -> None:
        # The file first: on a full disk the row cannot be changed, but space can be made.
        self._files.remove(frame.path)
        if self._spare and self._spare[0] == frame.row_id:
            heapq.heappop(self._spare)
        self._passed = max(self._passed, frame.row_id)
        self._gone.append(frame.row_id)


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def as_jpeg(image: bytes | NDArray[np.uint8], quality: int, white: White = UNKNOWN_WHITE) -> bytes:
    """Encode bytes of another format, or RGB pixels uint8 (height, width, 3), as a JPEG of `quality` 1 to 100.

    Other depths are converted to 8 bits by `white`. A JPEG is returned unchanged. Raises BadImage if the image does not
    decode, or a side is longer than 65,500 pixels.
    """
    if isinstance(image, bytes):
        if image.startswith(_JPEG):
            return image
        pixels = decode(image, white=white)
    else:
        pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)  # type: ignore[assignment]  # OpenCV's stubs say "some array"
    try:
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    except cv2.error as error:
        raise BadImage(f"cannot become a JPEG: {error.err or 'OpenCV refuses it'}") from error
    return encoded.tobytes()


def frame_file_name(classification: Classification) -> str:
    """`2026-11-24/120000.000-tabby-1f3a5c7e9b2d4f60.jpg`: day and time of capture (UTC), label, digest of the frame's key.

    The same again for the same frame and label, so that a frame saved once more after a crash replaces itself.
    """
    time = classification.captured_at.astimezone(timezone.utc)
    label = re.sub(r"[^\w.-]+", "_", classification.label or "", flags=re.ASCII)[:40]
    identity = f"{classification.source}\0{classification.key}".encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(identity, digest_size=8).hexdigest()
    return os.path.join(f"{time:%Y-%m-%d}", f"{time:%H%M%S}.{time.microsecond // 1000:03}-{label}-{digest}.jpg")
