"""SIGHUP: another model, configuration, database or folder, or the old ones where the new are wrong."""

from contextlib import closing

import pytest
from serving_place import run_daemon, then

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import Unavailable
from edgecls.inference.classifier import Classifier


def test_a_new_model(place, german):
    place.put("a.png", "red")

    def step():
        german(place.folder).path.rename(place.folder / "model.tflite")
        then(place, name="b.png", colour="blue")()

    run_daemon(place, step)
    assert place.rows() == [("a.png", "red"), ("b.png", "blau")]
    assert place.runs() == [("tiny", "reloaded"), ("german", "signal")]
    heard = [line.partition("=")[0] for line in place.notifications() if not line.startswith(("STATUS", "WATCHDOG"))]
    assert heard == ["READY", "RELOADING", "MONOTONIC_USEC", "READY", "STOPPING"]


def test_a_model_that_breaks_its_promise_is_not_taken(place, broken, caplog):
    place.put("a.png", "red")

    def step():
        broken(place)
        then(place, name="b.png", colour="blue")()

    run_daemon(place, step)
    assert place.rows() == [("a.png", "red"), ("b.png", "blue")]
    assert place.runs() == [("tiny", "signal")]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("reload failed, keeping the current configuration: ")
    assert "does not reproduce its recorded outputs" in line
    assert place.notifications().count("READY=1") == 2


@pytest.mark.parametrize(
    ("top", "source", "said"),
    [
        ("threads = 0", "", r"edgecls.toml: threads must be"),
        ("[", "", "invalid TOML at line"),
        ('database = "none/results.db"', "", "does not exist: create it first"),
        ("", 'path = "none"', "no folder at"),
        ('database = "new.db"', 'path = "none"', "no folder at"),
    ],
)
def test_a_configuration_that_cannot_be_is_not_taken(place, caplog, top, source, said):
    place.put("a.png", "red")

    def step():
        place.configure(top, source)
        then(place, name="b.png", colour="blue")()

    run_daemon(place, step)
    assert place.rows() == [("a.png", "red"), ("b.png", "blue")]
    assert place.runs() == [("tiny", "signal")]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said in line
    Store(place.folder / "results.db").close()  # nothing holds it


def test_after_a_reload_that_found_no_folder_files_are_moved_as_before(place):
    """The old source was closed and opened again."""
    moving = 'path = "inbox"\nafter = "move"'
    place.configure(source=moving)
    place.put("a.png", "red")

    def step():
        place.configure(source='path = "none"\nafter = "move"')
        then(place, name="b.png", colour="blue")()

    run_daemon(place, step)
    assert sorted(path.name for path in (place.folder / "inbox/done").iterdir()) == ["a.png", "b.png"]


def test_another_database_and_another_folder(place):
    place.put("a.png", "red")
    (place.folder / "second").mkdir()

    def step():
        place.configure('database = "second.db"', 'path = "second"')
        then(place, name="b.png", colour="blue", folder="second")()

    run_daemon(place, step)
    assert (place.rows(), place.runs()) == ([("a.png", "red")], [("tiny", "reloaded")])
    assert (place.rows("second.db"), place.runs("second.db")) == ([("b.png", "blue")], [("tiny", "signal")])


def test_another_database_gets_rows_of_the_files_that_are_still_in_the_folder(place):
    """As after a restart: what they had is in the database before."""
    place.put("a.png", "red")

    def step():
        place.configure('database = "second.db"')
        then(place, name="b.png", colour="blue")()

    run_daemon(place, step, lambda: None)  # three rows
    assert place.rows() == [("a.png", "red")]
    assert place.rows("second.db") == [("a.png", "red"), ("b.png", "blue")]


def test_frames_that_run_ahead_of_a_reload_have_one_row_each_by_the_model_of_their_run(place, german, monkeypatch):
    """The reload is asked for while frames of every stage are on their way."""
    place.configure("interpreters = 2", 'path = "inbox"\nafter = "delete"')
    for n in range(200):
        place.put(f"{n}.png", "red")
    with place.daemon() as daemon:
        classify, left = Classifier.classify, [50]

        def counting(self, frame):
            left[0] -= 1
            if left[0] == 0:
                german(place.folder).path.rename(place.folder / "model.tflite")
                place.requests.request_reload()
            if left[0] < -100:
                place.requests.request_stop()
            return classify(self, frame)

        monkeypatch.setattr(Classifier, "classify", counting)
        daemon.run()
    with closing(open_results(place.folder / "results.db")) as db:
        found = db.execute("SELECT path, label, run_id FROM results ORDER BY id").fetchall()
    kept = {path.name for path in (place.folder / "inbox").iterdir()}
    assert sorted({path.rpartition("/")[2] for path, _, _ in found} | kept) == sorted(f"{n}.png" for n in range(200))
    assert len(found) + len(kept) == 200
    assert {(label, run) for _, label, run in found} == {("red", 1), ("rot", 2)}
    assert [run for _, _, run in found] == sorted(run for _, _, run in found)
    assert place.runs() == [("tiny", "reloaded"), ("german", "signal")]


def test_what_a_full_disk_holds_up_is_classified_again_by_the_model_of_a_reload(place, german, monkeypatch):
    """The group that could not be committed, and all behind it; in the order of the source."""
    place.configure("interpreters = 2", 'path = "inbox"\nafter = "delete"')
    for n in range(100):
        place.put(f"{n:02}.png", "red")
    commit, room = Store.write_many, [2]

    def full(self, rows):
        room[0] -= 1
        if room[0] < 0:
            german(place.folder).path.rename(place.folder / "model.tflite")
            place.requests.request_reload()
            room[0] = 1000
            raise Unavailable("the disk is full")
        commit(self, rows)

    monkeypatch.setattr(Store, "write_many", full)

    def on_step():
        if daemon.counts.rows == 100:
            place.requests.request_stop()

    with place.daemon(on_step=on_step) as daemon:
        daemon.run()
    names, labels = zip(*place.rows(), strict=True)
    assert list(names) == [f"{n:02}.png" for n in range(100)]
    assert list(labels) == sorted(labels)
    assert set(labels) == {"red", "rot"}
    assert not list((place.folder / "inbox").iterdir())
