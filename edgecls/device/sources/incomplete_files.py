"""Images whose end is missing: an upload that broke off may be resumed, so they wait before they get their row."""

import logging
import time
from collections.abc import Container, Iterator

from edgecls.images.file_frame import FileStamp
from edgecls.images.image_end import end_is_missing

log = logging.getLogger(__name__)


class IncompleteFiles:
    """Holds back images whose end is missing, until they have not changed for `seconds`.

    Times of modification are compared with the clock only for changes before the start, so that a restart does not
    begin the wait again. Later the clock may jump, as at the boot of a board that keeps no time.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._opened_ns, self._opened = time.time_ns(), time.monotonic()
        self._since: dict[str, tuple[FileStamp, float]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._since)

    def __len__(self) -> int:
        return len(self._since)

    def is_waiting(self, path: str, stamp: FileStamp) -> bool:
        """Return whether the file already waits in this state, so that it need not be read."""
        before, since = self._since.get(path, (None, 0.0))
        return before == stamp and time.monotonic() - since < self._seconds

    def must_wait(self, path: str, stamp: FileStamp, image: object) -> bool:
        """Return whether the file, whose content is `image`, must wait for its end. If so, it waits from now on."""
        before, since = self._since.pop(path, (None, 0.0))
        if not isinstance(image, bytes) or not end_is_missing(image):
            return False
        if before != stamp:
            since = self._changed_at(stamp)
        if time.monotonic() - since >= self._seconds:
            return False
        if before is None:
            log.info("%s is incomplete: waiting up to %g s for the rest", path, self._seconds)
        self._since[path] = stamp, since
        return True

    def _changed_at(self, stamp: FileStamp) -> float:
        """Return when the file last changed, by `time.monotonic`; now, if that was after the start."""
        age_at_start = (self._opened_ns - max(stamp.modified_ns, stamp.changed_ns)) / 1e9
        return self._opened - age_at_start if age_at_start > 0 else time.monotonic()

    def keep_only(self, paths: Container[str]) -> None:
        """Forget the files that are not among `paths`: they are gone."""
        self._since = {path: state for path, state in self._since.items() if path in paths}
