"""A service in this process, and what tests do with it."""

import contextlib
from contextlib import closing

from pictures import picture

from edgecls.database.patient import patiently
from edgecls.database.reading import open_results
from edgecls.database.retention import Retention
from edgecls.database.saved_frame_rows import SavedFrameRows
from edgecls.database.store import Store
from edgecls.database.wal_checkpoints import WalCheckpoints
from edgecls.device.configuration.config import read_config
from edgecls.device.daemon import Service
from edgecls.device.results_wing import ResultsWing
from edgecls.device.signals import Requests
from edgecls.device.systemd_notify import Notifier
from edgecls.results.queries.rows import find_rows


def wing():
    """The results wing, as `edgecls run` has it."""
    return ResultsWing(
        open_store=lambda path, progress: Store.open_durably(path, progress=progress),
        patiently=lambda action, stop, progress: patiently(action, stop, progress=progress),
        saved_rows=SavedFrameRows,
        retention=lambda store, days, most, remember: Retention(store, days=days, most=most, remember=remember),
        log_keeping=WalCheckpoints,
    )


class Place:
    """A configuration with its folder, and who listens to what the service says."""

    def __init__(self, folder, model, manager):
        self.folder, self.manager = folder, manager
        self.requests = Requests()
        self.path = folder / "edgecls.toml"
        (folder / "inbox").mkdir()
        (folder / "model.tflite").write_bytes(model.path.read_bytes())
        self.configure()

    def configure(self, top="", source=""):
        source = source or 'path = "inbox"'
        settle = "" if "type" in source else "settle_seconds = 0.01"
        self.path.write_text(f'model = "model.tflite"\n{top}\n[source]\n{source}\n{settle}\n')

    def put(self, name, colour, folder="inbox"):
        (self.folder / "part").write_bytes(picture(colour))
        (self.folder / "part").rename(self.folder / folder / name)

    def service(self, **options):
        notifier = Notifier(self.manager.getsockname())
        return Service(lambda: read_config(self.path), wing(), self.requests, notifier=notifier, **options)

    def heard(self):
        """All that has been said since the last time."""
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said += self.manager.recv(4096).decode().splitlines()
        return said

    def rows(self, database="results.db"):
        with closing(open_results(self.folder / database)) as db:
            return [
                (row["path"].rpartition("/")[2], row["label"]) for row in sorted(find_rows(db), key=lambda r: r["id"])
            ]

    def runs(self, database="results.db"):
        with closing(open_results(self.folder / database)) as db:
            return db.execute(
                "SELECT models.name, stop_reason FROM runs JOIN models ON models.id = model_id ORDER BY runs.id"
            ).fetchall()


def serve(place, *steps):
    """Run the service; after the n-th file has its row, and the idle turn after that, take the n-th step; then stop."""
    left = list(steps)
    expected = [1]

    def each_turn():
        if service.tally.rows < expected[0]:
            return
        if left:
            left.pop(0)()
            expected[0] += 1
        else:
            place.requests.stop.set()

    with place.service(each_turn=each_turn) as service:
        service.run()
    return service


def then(place, *, reload=True, **put):
    """A step: reload, and then a file that must have its row before the next."""

    def step():
        if reload:
            place.requests.reload.set()
        place.put(**put)

    return step
