"""The service in this process: real folder, model, database and, as systemd, a real socket."""

import threading
from queue import SimpleQueue

import pytest
from serving_place import serve

from edgecls.database.store import Store
from edgecls.device.sources import live
from edgecls.errors import BadConfig, BadModel, InputNotFound
from edgecls.inference.classifier import Classifier


def test_ready_only_when_all_of_it_is(place):
    with place.service() as service:
        heard = place.heard()
        assert heard[0] == "READY=1"
        assert heard[1].startswith("STATUS=ready: 0 rows")
        place.put("a.png", "red")
        place.requests.stop.set()
        service.run()
    assert [line for line in place.heard() if not line.startswith("STATUS")] == ["STOPPING=1"]
    assert place.runs() == [("tiny", "signal")]


def test_not_ready_with_a_model_that_breaks_its_promise(place, broken):
    broken(place)
    with pytest.raises(BadModel, match="does not give the outputs it promises"), place.service():
        pass
    assert place.heard() == []


def test_not_ready_without_the_source(place):
    (place.folder / "inbox").rmdir()
    with pytest.raises(InputNotFound, match="no folder at"), place.service():
        pass
    assert place.heard() == []


def test_the_status_counts(place):
    place.put("a.png", "red")
    (place.folder / "inbox" / "b.png").write_bytes(b"torn")
    service = serve(place, lambda: None)
    assert (service.tally.rows, service.tally.errors) == (2, 1)
    said = [line for line in place.heard() if line.startswith("STATUS=stopping")]
    assert said[0].startswith("STATUS=stopping: 2 rows, 1 errors, 0 dropped, last frame 20")


def test_a_folder_that_is_gone_is_in_the_status(place):
    place.configure(source='path = "inbox"\npoll_seconds = 0.1')

    def step():
        (place.folder / "inbox").rename(place.folder / "away")

    def each_turn():
        if service.tally.source.lost:
            place.requests.stop.set()

    with place.service(each_turn=each_turn) as service:
        step()
        service.run()
    (line,) = [line for line in place.heard() if line.startswith("STATUS=stopping")]
    assert line.startswith(
        f"STATUS=stopping: lost: {place.folder}/inbox is not there (No such file or directory), since"
    )
    (place.folder / "away").rename(place.folder / "inbox")


def test_what_was_dropped_stays_counted_when_the_source_changes(place, monkeypatch):
    """A camera that is not there, whose counts are set by hand; then a folder."""
    monkeypatch.setattr(live, "_FIRST_OPEN", 0.1)
    place.configure(source='type = "camera"\ndevice = "/dev/none"\nstall_seconds = 1')
    with place.service() as service:
        heard = place.heard()
        assert heard[0] == "READY=1"
        assert heard[1].startswith("STATUS=ready: lost: there is no /dev/none: plug it in")
        service._intake.value.source._place.dropped = 7
        place.configure()
        place.put("a.png", "red")
        place.requests.reload.set()

        def each_turn():
            if service.tally.rows:
                place.requests.stop.set()

        service._each_turn = each_turn
        service.run()
    (line,) = [line for line in place.heard() if line.startswith("STATUS=stopping")]
    assert line.startswith("STATUS=stopping: 1 rows, 0 errors, 7 dropped, last frame 20")


def test_a_second_one_is_refused(place):
    with place.service():
        with pytest.raises(BadConfig, match="another edgecls run has the folder"), place.service():
            pass
        (place.folder / "second").mkdir()
        place.configure(source='path = "second"')
        with pytest.raises(BadConfig, match="another edgecls run has the database"), place.service():
            pass
    with place.service():
        pass


class Hanging:
    """A classifier that hangs at the first frame, until it is let go."""

    def __init__(self, classifier):
        self.classifier = classifier
        self.hangs, self.go_on = threading.Event(), threading.Event()

    def classify(self, frame):
        self.hangs.set()
        self.go_on.wait(30)
        return self.classifier.classify(frame)


def test_a_hang_ends_the_pings(place):
    """Meanwhile this thread waits in the loop, so that another one listens."""
    heard = {}

    def listen():
        hanging.hangs.wait(30)
        threading.Event().wait(0.5)  # the classifier hangs; the loop ends its turn before it waits for that
        heard["before"] = place.heard()
        threading.Event().wait(0.5)  # ten times the pause between pings
        heard["hanging"] = place.heard()
        hanging.go_on.set()

    idle = [3]

    def each_turn():
        idle[0] -= 1
        if not idle[0]:
            place.put("a.png", "red")
        if service.tally.rows:
            place.requests.stop.set()

    with place.service(watchdog=0.2, each_turn=each_turn) as service:
        hanging = Hanging(service._ahead._idle.get())
        service._ahead._idle = SimpleQueue()
        service._ahead._idle.put(hanging)
        listener = threading.Thread(target=listen)
        listener.start()
        service.run()
        listener.join()
    assert "WATCHDOG=1" in heard["before"]
    assert heard["hanging"] == []
    assert "WATCHDOG=1" in place.heard()
    assert place.rows() == [("a.png", "red")]


@pytest.mark.parametrize("phase", ["failed", "classify", "write_many", "done"])
def test_a_stop_in_any_phase_finishes_the_frames_that_were_taken_and_no_other(place, phase, monkeypatch):
    place.configure("interpreters = 2", 'path = "inbox"\nafter = "delete"')
    for n in range(60):
        place.put(f"{n}.png", "red")
    with place.service() as service:
        source = service._intake.value.source
        owner = {"failed": Store, "write_many": Store, "classify": Classifier, "done": type(source)}[phase]
        step = getattr(owner, phase)

        def stopping(*arguments, **options):
            place.requests.stop.set()
            return step(*arguments, **options)

        monkeypatch.setattr(owner, phase, stopping)
        service.run()
        assert not source._in_hand
    taken = {name for name, _ in place.rows()}
    assert 0 < len(taken) < 60
    assert {path.name for path in (place.folder / "inbox").iterdir()} == {f"{n}.png" for n in range(60)} - taken
    assert place.runs() == [("tiny", "signal")]
