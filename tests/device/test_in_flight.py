"""The frames in flight, remembered over the death of the process."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from recording import NOON

from edgecls.device import in_flight
from edgecls.device.in_flight import FramesInFlight, in_flight_file
from edgecls.records import Classification, Frame


def frame(name):
    return Frame("folder:in", name, NOON, b"picture", f"/in/{name}")


class Noting:
    """A classifier that notes what it is given, and does something meanwhile."""

    def __init__(self, meanwhile=lambda _: None):
        self.meanwhile, self.given = meanwhile, []

    def classify(self, image):
        self.given.append(image)
        self.meanwhile(image)
        return Classification(image.source, image.key, image.path, NOON, NOON, error=image.error)


@pytest.fixture
def path(tmp_path):
    return in_flight_file(tmp_path / "results.db")


def killed_during(path, *names):
    """What a process leaves that is killed while it classifies these frames."""
    with closing(FramesInFlight(path)) as files, ThreadPoolExecutor(max(len(names), 1)) as pool:
        left, go = [], threading.Barrier(len(names) + 1)

        def wait(_):
            go.wait(20)
            go.wait(20)

        # Alone, as a frame must be that is suspected, each is classified in a process of its own.
        classified = [pool.submit(files.classify, Noting(wait), frame(name)) for name in names]
        go.wait(20)
        left.append(path.read_bytes())
        go.wait(20)
        for one in classified:
            one.result()
    path.write_bytes(left[0])


def ended(path, name):
    """What the next process makes of the frame."""
    with closing(FramesInFlight(path)) as files:
        return files.classify(Noting(), frame(name)).error


def test_a_frame_that_ended_the_process_twice_is_not_tried_again(path):
    killed_during(path, "deadly")
    killed_during(path, "deadly")
    with closing(FramesInFlight(path)) as files:
        classifier = Noting()
        error = files.classify(classifier, frame("deadly")).error
        assert error == "has ended edgecls 2 times while it was being classified: it is not tried again"
        assert classifier.given[0].image is None
    assert "2 times" in ended(path, "deadly")  # its row may have been lost


def test_no_more_are_remembered_than_there_can_be_any_use_for(path, monkeypatch):
    monkeypatch.setattr(in_flight, "_REMEMBERED", 2)
    for name in "abc":
        killed_during(path, name)
        killed_during(path, name)
    assert [ended(path, name) is None for name in "abc"] == [True, False, False]


def test_one_that_comes_back_is_innocent(path):
    killed_during(path, "large")
    assert ended(path, "large") is None
    assert not path.exists()
    killed_during(path, "large")
    assert ended(path, "large") is None


def test_of_several_in_flight_each_is_suspected_and_then_classified_alone(path):
    killed_during(path, "a", "b", "c")
    running, most = [], []

    def meanwhile(image):
        running.append(image.key)
        most.append(list(running))
        time.sleep(0.05)
        running.remove(image.key)

    with closing(FramesInFlight(path)) as files, ThreadPoolExecutor(4) as pool:
        noting = Noting(meanwhile)
        for one in [pool.submit(files.classify, noting, frame(name)) for name in "xaybzcuv"]:
            assert one.result().error is None
    assert all(names[-1:] == names for names in most if set(names) & set("abc"))
    assert max(map(len, most)) > 1
    assert not path.exists()


def test_a_frame_that_was_not_in_flight_again_stays_suspected(path):
    killed_during(path, "a", "b")
    killed_during(path, "a")
    assert ended(path, "a") is not None
    killed_during(path, "b")
    assert ended(path, "b") is not None


def test_an_error_that_a_classifier_raises_counts_as_an_end_of_the_process(path):
    def fail(_):
        raise ZeroDivisionError

    for _ in range(2):
        with closing(FramesInFlight(path)) as files, pytest.raises(ZeroDivisionError):
            files.classify(Noting(fail), frame("a"))
    assert "2 times" in ended(path, "a")


def test_an_interrupt_does_not_count(path):
    def interrupt(_):
        raise KeyboardInterrupt

    for _ in range(3):
        with closing(FramesInFlight(path)) as files, pytest.raises(KeyboardInterrupt):
            files.classify(Noting(interrupt), frame("a"))
    assert not path.exists()


def test_a_power_cut_says_nothing_about_a_frame(path):
    for _ in range(3):
        killed_during(path, "a")
        noted = json.loads(path.read_bytes())
        path.write_text(json.dumps(noted | {"boot": "another boot", "ended": {}}))
    assert ended(path, "a") is None


@pytest.mark.parametrize(
    "damage", [b"", b"\0" * 4096, b"{", b"[]", b'{"boot": "x"}', b'{"ended": {"a": "b"}, "now": [1]}', b"[" * 100_000]
)
def test_a_damaged_note_is_none(path, damage):
    path.write_bytes(damage)
    assert ended(path, "a") is None


def test_names_of_any_kind(path):
    for name in ("\udce9.jpg", 'two\nlines"', "\U0001f408" * 2000):
        killed_during(path, name)
        killed_during(path, name)
        assert "2 times" in ended(path, name)


def test_a_second_process_on_the_same_database_leaves_the_note_alone(path):
    with closing(FramesInFlight(path)) as first:

        def meanwhile(_):
            noted = path.read_bytes()
            assert ended(path, "b") is None
            assert path.read_bytes() == noted

        assert first.classify(Noting(meanwhile), frame("a")).error is None
    assert not path.exists()


def test_where_nothing_can_be_written_it_classifies_all_the_same(tmp_path, caplog):
    with closing(FramesInFlight(tmp_path / "no" / "file")) as files:
        for name in "ab":
            assert files.classify(Noting(), frame(name)).error is None
    (record,) = caplog.records
    assert "an image that ends edgecls would end it again" in record.getMessage()


def test_beside_the_database_that_is_meant(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "results.db").symlink_to(tmp_path / "data" / "real.db")
    assert in_flight_file(tmp_path / "results.db") == tmp_path / "data" / "real.db.in-flight"
