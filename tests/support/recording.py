"""A source that records what happens to its frames, and a database for their rows."""

from contextlib import closing
from datetime import datetime, timezone

from edgecls.database.reading import open_results
from edgecls.device.sources import EndOfSource
from edgecls.records import Frame
from edgecls.results.queries.rows import find_rows

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class RecordingSource:
    """Delivers images, or whatever is set with `deliver`, and records what happens in which order."""

    name = "recording"

    def __init__(self, *images, log=None):
        self.log = [] if log is None else log
        self._frames = self._pulled(images)

    def _pulled(self, images):
        for n, image in enumerate(images):
            self.log.append(f"pull {n}")
            yield Frame(self.name, str(n), NOON, image)

    def deliver(self, frames):
        """Deliver these frames from now on; None is a moment without a frame."""
        self._frames = iter(frames)

    def next_frame(self):
        for frame in self._frames:
            return frame
        raise EndOfSource

    def acknowledge(self, frame, *, failed=False):
        self.log.append(f"{'failed' if failed else 'done'} {frame.key}")


def begin(store, model):
    store.begin_run(
        sha256=model.sha256, model_name=model.name, labels=model.labels, metrics={}, device="here", source="test",
        version="0", config={},
    )  # fmt: skip


def rows(path):
    """Return all rows, oldest first."""
    with closing(open_results(path)) as db:
        return sorted(find_rows(db), key=lambda row: row["id"])
