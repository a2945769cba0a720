"""Images whose end is missing: an upload that broke off may be resumed, so they wait before they get their row."""

import logging
import time
from collections.abc import Container, Iterator

from edgecls.images.file_frame import FileStamp
from edgecls.images.image_end import end_is_missing

log = logging.getLogger(__name__)


class IncompleteFiles:
    """Holds files back whose end is missing, until they have not changed for `seconds`.

    The clock is asked only about changes of before the start: later it may jump, as at the boot of a board that keeps no
    time. So a restart does not begin the time anew.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._opened_ns, self._opened = time.time_ns(), time.monotonic()
        self._since: dict[str, tuple[FileStamp, float]] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the paths of the files that wait."""
        return iter(self._since)

    def __len__(self) -> int:
        return len(self._since)

    def is_waiting(self, path: str, stamp: FileStamp) -> bool:
        """Return whether the file is known to wait in this state, so that it need not be read."""
        before, since = self._since.get(path, (None, 0.0))
        return before == stamp and time.monotonic() - since < self._seconds

    def must_wait(self, path: str, stamp: FileStamp, image: object) -> bool:
        """Return whether the file, whose content is `image`, waits for its end from now on, or goes on waiting."""
        before, since = self._since.pop(path, (None, 0.0))
        if not isinstance(image, bytes) or not end_is_missing(image):
            return False
        if before != stamp:
            since = self._changed(stamp)
        if time.monotonic() - since >= self._seconds:
            return False
        if before is None:
            log.info("%s has no end yet: waiting up to %g s for the rest of it", path, self._seconds)
        self._since[path] = stamp, since
        return True

    def _changed(self, stamp: FileStamp) -> float:
        """When the file became what it is, on the monotonic clock; now, if that was after the start."""
        age_at_start = (self._opened_ns - max(stamp.modified_ns, stamp.changed_ns)) / 1e9
        return self._opened - age_at_start if age_at_start > 0 else time.monotonic()

    def keep(self, paths: Container[str]) -> None:
        """Forget all other files: they are gone."""
        self._since = {path: state for path, state in self._since.items() if path in paths}
