"""A daemon in this process, with actions for tests."""

import contextlib
from contextlib import closing

from pictures import picture

from edgecls.database.reading import open_results
from edgecls.device.configuration.config import read_config
from edgecls.device.daemon import Daemon
from edgecls.device.signals import Requests
from edgecls.device.systemd_notify import Notifier
from edgecls.results.queries.rows import find_rows


class Place:
    """A configuration with its folder, and a socket that receives the daemon's notifications to systemd."""

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

    def daemon(self, **options):
        notifier = Notifier(self.manager.getsockname())
        return Daemon(lambda: read_config(self.path), self.requests, notifier=notifier, **options)

    def notifications(self):
        """Return all lines that were sent since the last call."""
        lines = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines += self.manager.recv(4096).decode().splitlines()
        return lines

    def rows(self, database="results.db"):
        with closing(open_results(self.folder / database)) as db:
            rows = sorted(find_rows(db), key=lambda row: row["id"])
        return [(row["path"].rpartition("/")[2], row["label"]) for row in rows]

    def runs(self, database="results.db"):
        with closing(open_results(self.folder / database)) as db:
            return db.execute(
                "SELECT models.name, stop_reason FROM runs JOIN models ON models.id = model_id ORDER BY runs.id"
            ).fetchall()


def run_daemon(place, *actions):
    """Run the daemon; after the n-th row, and the step after that, do the n-th action; then stop."""
    left = list(actions)
    expected = [1]

    def on_step():
        if daemon.counts.rows < expected[0]:
            return
        if left:
            left.pop(0)()
            expected[0] += 1
        else:
            place.requests.request_stop()

    with place.daemon(on_step=on_step) as daemon:
        daemon.run()
    return daemon


def then(place, *, reload=True, **put):
    """Return an action: reload, and then a file that must have its row before the next action."""

    def action():
        if reload:
            place.requests.request_reload()
        place.put(**put)

    return action
