"""The daemon in this process, with a real folder, model and database, and a real socket in place of systemd's."""

import threading

import pytest
from serving_place import run_daemon

from edgecls.database.store import Store
from edgecls.device.sources import live
from edgecls.errors import BadConfig, BadModel, InputNotFound
from edgecls.inference.classifier import Classifier


def test_ready_only_when_all_of_it_is(place):
    with place.daemon() as daemon:
        heard = place.notifications()
        assert heard[0] == "READY=1"
        assert heard[1].startswith("STATUS=ready: 0 rows")
        place.put("a.png", "red")
        place.requests.request_stop()
        daemon.run()
    assert [line for line in place.notifications() if not line.startswith("STATUS")] == ["STOPPING=1"]
    assert place.runs() == [("tiny", "signal")]


def test_not_ready_with_a_model_that_breaks_its_promise(place, broken):
    broken(place)
    with pytest.raises(BadModel, match="does not reproduce its recorded outputs"), place.daemon():
        pass
    assert place.notifications() == []


def test_not_ready_without_the_source(place):
    (place.folder / "inbox").rmdir()
    with pytest.raises(InputNotFound, match="no folder at"), place.daemon():
        pass
    assert place.notifications() == []


def test_the_status_counts(place):
    place.put("a.png", "red")
    (place.folder / "inbox" / "b.png").write_bytes(b"torn")
    daemon = run_daemon(place, lambda: None)
    assert (daemon.counts.rows, daemon.counts.errors) == (2, 1)
    said = [line for line in place.notifications() if line.startswith("STATUS=stopping")]
    assert said[0].startswith("STATUS=stopping: 2 rows, 1 errors, 0 dropped, last frame 20")


def test_a_folder_that_is_gone_is_in_the_status(place):
    place.configure(source='path = "inbox"\npoll_seconds = 0.1')

    def step():
        (place.folder / "inbox").rename(place.folder / "away")

    def on_step():
        if daemon.counts.source.lost:
            place.requests.request_stop()

    with place.daemon(on_step=on_step) as daemon:
        step()
        daemon.run()
    (line,) = [line for line in place.notifications() if line.startswith("STATUS=stopping")]
    assert line.startswith(
        f"STATUS=stopping: lost: folder {place.folder}/inbox does not exist (No such file or directory), since"
    )
    (place.folder / "away").rename(place.folder / "inbox")


def test_what_was_dropped_stays_counted_when_the_source_changes(place, monkeypatch):
    """A camera that is not there, whose counts are set by hand; then a folder."""
    monkeypatch.setattr(live, "_FIRST_OPEN_S", 0.1)
    place.configure(source='type = "camera"\ndevice = "/dev/none"\nstall_seconds = 1')

    def on_step():
        if daemon.counts.rows:
            place.requests.request_stop()

    with place.daemon(on_step=on_step) as daemon:
        heard = place.notifications()
        assert heard[0] == "READY=1"
        assert heard[1].startswith("STATUS=ready: lost: /dev/none does not exist: plug the camera in")
        daemon._parts._source.source._latest.dropped = 7
        place.configure()
        place.put("a.png", "red")
        place.requests.request_reload()

        daemon.run()
    (line,) = [line for line in place.notifications() if line.startswith("STATUS=stopping")]
    assert line.startswith("STATUS=stopping: 1 rows, 0 errors, 7 dropped, last frame 20")


def test_a_second_one_is_refused(place):
    with place.daemon():
        with pytest.raises(BadConfig, match="another edgecls run has the database"), place.daemon():
            pass
        place.configure('database = "second.db"')
        with pytest.raises(BadConfig, match="another edgecls run has the folder"), place.daemon():
            pass
    with place.daemon():
        pass


def test_a_hang_ends_the_pings(place, monkeypatch):
    """Meanwhile this thread waits in the loop, so that another one listens."""
    heard = {}
    hangs, go_on, classify = threading.Event(), threading.Event(), Classifier.classify

    def hang(self, frame):
        hangs.set()
        go_on.wait(30)
        return classify(self, frame)

    def listen():
        hangs.wait(30)
        threading.Event().wait(0.5)  # the classifier hangs; the loop ends its turn before it waits for that
        heard["before"] = place.notifications()
        threading.Event().wait(0.5)  # ten times the pause between pings
        heard["hanging"] = place.notifications()
        go_on.set()

    idle = [3]

    def on_step():
        idle[0] -= 1
        if not idle[0]:
            place.put("a.png", "red")
        if daemon.counts.rows:
            place.requests.request_stop()

    with place.daemon(watchdog=0.2, on_step=on_step) as daemon:
        monkeypatch.setattr(Classifier, "classify", hang)
        listener = threading.Thread(target=listen)
        listener.start()
        daemon.run()
        listener.join()
    assert "WATCHDOG=1" in heard["before"]
    assert heard["hanging"] == []
    assert "WATCHDOG=1" in place.notifications()
    assert place.rows() == [("a.png", "red")]


@pytest.mark.parametrize("phase", ["failed", "classify", "write_many", "acknowledge"])
def test_a_stop_in_any_phase_finishes_the_frames_that_were_taken_and_no_other(place, phase, monkeypatch):
    place.configure("interpreters = 2", 'path = "inbox"\nafter = "delete"')
    for n in range(60):
        place.put(f"{n}.png", "red")
    with place.daemon() as daemon:
        source = daemon._parts._source.source
        owner = {"failed": Store, "write_many": Store, "classify": Classifier, "acknowledge": type(source)}[phase]
        step = getattr(owner, phase)

        def stopping(*arguments, **options):
            place.requests.request_stop()
            return step(*arguments, **options)

        monkeypatch.setattr(owner, phase, stopping)
        daemon.run()
        assert not source._unacknowledged
    taken = {name for name, _ in place.rows()}
    assert 0 < len(taken) < 60
    assert {path.name for path in (place.folder / "inbox").iterdir()} == {f"{n}.png" for n in range(60)} - taken
    assert place.runs() == [("tiny", "signal")]
