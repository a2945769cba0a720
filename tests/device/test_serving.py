"""The service in this process: real folder, model, database and, as systemd, a real socket."""

import contextlib
import socket
import threading
from contextlib import closing

import pytest
from pictures import picture
from tiny_model import write

from edgecls.device.config import read_config
from edgecls.device.notify import Notifier
from edgecls.device.results_wing import ResultsWing
from edgecls.device.serving import Service
from edgecls.device.signals import Requests
from edgecls.device.sources import live
from edgecls.errors import BadConfig, BadModel, NoInput
from edgecls.results.patient import patiently
from edgecls.results.queries import find, open_results
from edgecls.results.retention import Retention
from edgecls.results.saved import SavedRows
from edgecls.results.store import Store


def wing():
    """The results wing, as `edgecls run` has it."""
    return ResultsWing(
        open_store=lambda path, progress: Store.open_durably(path, progress=progress),
        patiently=lambda action, stop, progress: patiently(action, stop, progress=progress),
        saved_rows=SavedRows,
        retention=lambda store, days, most, remember: Retention(store, days=days, most=most, remember=remember),
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
            return [(row["path"].rpartition("/")[2], row["label"]) for row in sorted(find(db), key=lambda r: r["id"])]

    def runs(self, database="results.db"):
        with closing(open_results(self.folder / database)) as db:
            return db.execute(
                "SELECT models.name, stop_reason FROM runs JOIN models ON models.id = model_id ORDER BY runs.id"
            ).fetchall()


@pytest.fixture
def place(tmp_path, tiny_model):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        yield Place(tmp_path, tiny_model, manager)


@pytest.fixture
def german(tiny_model):
    """The bytes of the same model with other labels."""

    def german(folder):
        labels = ("rot", "gruen", "blau")
        return write(folder / "german.tmp", labels=labels, examples=tiny_model.golden, name="german", thresholds={})

    return german


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
    with pytest.raises(NoInput, match="no folder at"), place.service():
        pass
    assert place.heard() == []


@pytest.fixture
def broken(tiny_model):
    """Puts a model in place whose golden examples expect something else."""

    def broken(place):
        red, green, *others = tiny_model.golden
        swapped = [type(red)(red.image, green.outputs), green, *others]
        new = write(place.folder / "broken.tmp", examples=swapped, name="broken")
        new.path.rename(place.folder / "model.tflite")

    return broken


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


def test_a_new_model(place, german):
    place.put("a.png", "red")

    def step():
        german(place.folder).path.rename(place.folder / "model.tflite")
        then(place, name="b.png", colour="blue")()

    serve(place, step)
    assert place.rows() == [("a.png", "red"), ("b.png", "blau")]
    assert place.runs() == [("tiny", "reloaded"), ("german", "signal")]
    heard = [line.partition("=")[0] for line in place.heard() if not line.startswith(("STATUS", "WATCHDOG"))]
    assert heard == ["READY", "RELOADING", "MONOTONIC_USEC", "READY", "STOPPING"]


def test_a_model_that_breaks_its_promise_is_not_taken(place, broken, caplog):
    place.put("a.png", "red")

    def step():
        broken(place)
        then(place, name="b.png", colour="blue")()

    serve(place, step)
    assert place.rows() == [("a.png", "red"), ("b.png", "blue")]
    assert place.runs() == [("tiny", "signal")]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("not reloaded, everything stays as it was: ")
    assert "does not give the outputs it promises" in line
    assert place.heard().count("READY=1") == 2


@pytest.mark.parametrize(
    ("top", "source", "said"),
    [
        ("threads = 0", "", r"edgecls.toml:2: threads: "),
        ("[", "", "is not TOML"),
        ('database = "none/results.db"', "", "there is no folder"),
        ("", 'path = "none"', "no folder at"),
        ('database = "new.db"', 'path = "none"', "no folder at"),
    ],
)
def test_a_configuration_that_cannot_be_is_not_taken(place, caplog, top, source, said):
    place.put("a.png", "red")

    def step():
        place.configure(top, source)
        then(place, name="b.png", colour="blue")()

    serve(place, step)
    assert place.rows() == [("a.png", "red"), ("b.png", "blue")]
    assert place.runs() == [("tiny", "signal")]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said in line
    Store(place.folder / "results.db").close()  # nothing holds it


def test_after_a_reload_that_found_no_folder_files_are_put_away_as_before(place):
    """The old source was closed and opened again."""
    moving = 'path = "inbox"\nafter = "move"'
    place.configure(source=moving)
    place.put("a.png", "red")

    def step():
        place.configure(source='path = "none"\nafter = "move"')
        then(place, name="b.png", colour="blue")()

    serve(place, step)
    assert sorted(path.name for path in (place.folder / "inbox/done").iterdir()) == ["a.png", "b.png"]


def test_another_database_and_another_folder(place):
    place.put("a.png", "red")
    (place.folder / "second").mkdir()

    def step():
        place.configure('database = "second.db"', 'path = "second"')
        then(place, name="b.png", colour="blue", folder="second")()

    serve(place, step)
    assert (place.rows(), place.runs()) == ([("a.png", "red")], [("tiny", "reloaded")])
    assert (place.rows("second.db"), place.runs("second.db")) == ([("b.png", "blue")], [("tiny", "signal")])


def test_the_folder_that_stays_is_not_looked_at_anew(place):
    """The iterator over its frames goes on: what it yielded before does not come again."""
    place.put("a.png", "red")

    def step():
        place.configure('database = "second.db"')
        then(place, name="b.png", colour="blue")()

    serve(place, step)
    assert place.rows("second.db") == [("b.png", "blue")]


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
        self.classifier, self.model = classifier, classifier.model
        self.hangs, self.go_on = threading.Event(), threading.Event()

    def classify(self, frame):
        self.hangs.set()
        self.go_on.wait(30)
        return self.classifier.classify(frame)


def test_a_hang_ends_the_pings(place):
    """Meanwhile this thread hangs in the loop, so that another one listens."""
    heard = {}

    def listen():
        hanging.hangs.wait(30)
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
        hanging = service._steps._classifier = Hanging(service._classifier)
        listener = threading.Thread(target=listen)
        listener.start()
        service.run()
        listener.join()
    assert "WATCHDOG=1" in heard["before"]
    assert heard["hanging"] == []
    assert "WATCHDOG=1" in place.heard()
    assert place.rows() == [("a.png", "red")]


@pytest.mark.parametrize("phase", ["failed", "classify", "write", "done"])
def test_a_stop_in_any_phase_finishes_the_frame_in_hand(place, phase, monkeypatch):
    for n in range(3):
        place.put(f"{n}.png", "red")
    with place.service() as service:
        owner = {
            "failed": service._database.value,
            "write": service._database.value,
            "classify": service._classifier,
            "done": service._intake.value.source,
        }[phase]
        step = getattr(type(owner), phase)

        def stopping(*arguments, **options):
            place.requests.stop.set()
            return step(*arguments, **options)

        monkeypatch.setattr(type(owner), phase, stopping)
        service.run()
    assert len(place.rows()) == 1
    assert place.runs() == [("tiny", "signal")]
