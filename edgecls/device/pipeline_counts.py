"""Count what became of the frames, for the status."""

from datetime import datetime

from edgecls.device.sources import SourceStatus
from edgecls.records import Classification


class PipelineCounts:
    """Counts since the start of the daemon, and the status of its source.

    `rows` were committed, `errors` of them with an error. `deferred` frames were classified and made no row of their own,
    because of a vote or a cool-down.
    """

    def __init__(self) -> None:
        self.rows = self.errors = self.deferred = 0
        self.last_frame: datetime | None = None
        self.source = SourceStatus()
        self._closed = (0, 0, 0)  # dropped, still and damaged frames of sources that were closed

    def add_frame(self, classification: Classification, *, is_deferred: bool) -> None:
        """Count a frame that was classified."""
        self.last_frame = classification.classified_at
        self.deferred += is_deferred

    def add_row(self, row: Classification) -> None:
        """Count a row that was committed."""
        self.rows += 1
        self.errors += row.error is not None

    def update_source(self, status: SourceStatus) -> None:
        """Take the status of the source that is open; its counts begin at 0 when it is opened."""
        self.source = status

    def close_source(self) -> None:
        """Keep the counts of the source; another one follows."""
        self._closed = (self.dropped, self.still, self.damaged)
        self.source = SourceStatus()

    @property
    def dropped(self) -> int:
        """Frames that a camera delivered and that were overtaken by newer ones."""
        return self._closed[0] + self.source.dropped

    @property
    def still(self) -> int:
        """Frames in which nothing moved."""
        return self._closed[1] + self.source.still

    @property
    def damaged(self) -> int:
        """Frames that could not be decoded."""
        return self._closed[2] + self.source.damaged

    def __str__(self) -> str:
        """Return the status line; a source that is lost comes first."""
        lost = f"lost: {self.source.lost}, since {_utc(self.source.since)}; " if self.source.lost else ""
        optional = ((self.damaged, "damaged"), (self.deferred, "deferred"), (self.still, "still"))
        others = "".join(f"{count} {name}, " for count, name in optional if count)
        counts = f"{self.rows} rows, {self.errors} errors, {self.dropped} dropped, {others}"
        return f"{lost}{counts}last frame {_utc(self.last_frame)}"


def _utc(time: datetime | None) -> str:
    return "none yet" if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")
