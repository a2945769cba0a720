"""While no frame comes the daemon asks the database nothing."""

import time

import pytest

from edgecls.database.store import Store
from edgecls.database.wal_checkpoints import WalCheckpoints


@pytest.fixture
def opened(monkeypatch):
    """The stores that the daemon has opened."""
    stores, open_durably = [], Store.open_durably

    def record(*arguments, **options):
        stores.append(open_durably(*arguments, **options))
        return stores[-1]

    monkeypatch.setattr(Store, "open_durably", record)
    return stores


def test_an_idle_daemon_that_keeps_no_frames_asks_the_database_nothing(place, opened, monkeypatch):
    """For two seconds, after the log was written back."""
    monkeypatch.setitem(WalCheckpoints.__init__.__kwdefaults__, "quiet", 0.0)
    place.put("a.png", "red")
    statements, steps = [], []

    def on_step():
        connection = opened[0].database.conn
        connection.set_trace_callback(statements.append)
        if steps:
            steps.append(time.monotonic())
            if steps[-1] - steps[0] > 2:
                connection.set_trace_callback(None)
                place.requests.request_stop()
        elif daemon.counts.rows and any("wal_checkpoint" in statement for statement in statements):
            statements.clear()
            steps.append(time.monotonic())

    with place.daemon(on_step=on_step) as daemon:
        daemon.run()
    assert statements == []
    assert len(steps) > 4
    assert place.rows() == [("a.png", "red")]
