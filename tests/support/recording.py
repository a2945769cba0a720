"""A source that writes down what happens to its frames, and a database for their rows."""

from contextlib import closing
from datetime import datetime, timezone

from edgecls.database.reading import open_results
from edgecls.records import Frame
from edgecls.results.queries.rows import find_rows

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class RecordingSource:
    """Delivers the images it was given, and writes down what happens when; `stop_after` frames it sees the stop."""

    name = "recording"

    def __init__(self, *images, log=None, stop_after=None):
        self.images, self.log, self.stop_after = images, [] if log is None else log, stop_after

    def frames(self, stop):
        for n, image in enumerate(self.images):
            if n == self.stop_after:
                stop.set()
            if stop.is_set():
                return
            self.log.append(f"pull {n}")
            yield Frame(self.name, str(n), NOON, image)

    def acknowledge(self, frame, *, failed=False):
        self.log.append(f"{'failed' if failed else 'done'} {frame.key}")


def begin(store, model):
    store.begin_run(
        sha256=model.sha256, model_name=model.name, labels=model.labels, metrics={}, device="here", source="test",
        version="0", config={},
    )  # fmt: skip


def rows(path):
    """Oldest first."""
    with closing(open_results(path)) as db:
        return sorted(find_rows(db), key=lambda row: row["id"])
