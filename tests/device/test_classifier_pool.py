"""What runs ahead of the loop: order, bounds, and one classifier a thread; then the loop with it."""

import random
import threading
import time
from contextlib import closing, nullcontext

import numpy as np
import pytest
from pictures import COLOURS, picture
from recording import NOON, RecordingSource, rows

from edgecls.database.reading import open_results
from edgecls.device import classifier_pool as module
from edgecls.device import pipeline as daemon
from edgecls.device.classifier_pool import QUEUED, Ahead, classified, image_bytes
from edgecls.errors import Unavailable
from edgecls.inference.classifier import Classifier
from edgecls.records import Classification, Frame
from edgecls.results.queries.rows import find_rows


def frames(count, image=b"image"):
    return [Frame("test", str(n), NOON, image) for n in range(count)]


class Slow:
    """Takes a while, a different one for each frame, and notices when it is used twice at a time."""

    def __init__(self, seconds=0.002):
        self.chance, self.seconds, self.in_use, self.did = random.Random(1), seconds, threading.Lock(), 0

    def classify(self, frame):
        assert self.in_use.acquire(blocking=False)
        time.sleep(self.chance.uniform(0, 2 * self.seconds))
        self.in_use.release()
        self.did += 1
        return Classification("test", frame.key, None, NOON, NOON, label="red", score=1.0)


class Held(Slow):
    """Waits until it is let go."""

    def __init__(self):
        super().__init__(0)
        self.go = threading.Event()

    def classify(self, frame):
        self.go.wait(30)
        return super().classify(frame)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("at_once", [False, True])
def test_they_come_back_in_order_and_every_classifier_serves_one_thread(count, at_once):
    classifiers = [Slow() for _ in range(count)]
    with Ahead(classifiers, at_once=at_once) as ahead:
        assert [one.key for one in classified(ahead, frames(50))] == [str(n) for n in range(50)]
    assert sum(one.did for one in classifiers) == 50
    assert all(one.did for one in classifiers)


def test_no_more_are_under_way_than_there_is_room_for():
    held = [Held(), Held()]
    with Ahead(held) as ahead:
        for n, frame in enumerate(frames(2 * (1 + QUEUED))):
            assert not ahead.is_due, n
            ahead.begin(frame)
        assert ahead.is_due
        for one in held:
            one.go.set()
        assert [ahead.next()[0].key for _ in range(len(ahead))] == [str(n) for n in range(2 * (1 + QUEUED))]
        assert not ahead.is_due


def test_large_images_take_more_room(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    held = Held()
    with Ahead([held]) as ahead:
        ahead.begin(Frame("test", "a", NOON, bytes(600)))
        assert not ahead.is_due
        ahead.begin(Frame("test", "b", NOON, np.zeros((20, 10, 3), np.uint8)))
        assert image_bytes(ahead) == 1200
        assert ahead.is_due
        held.go.set()


def test_what_is_given_back_is_forgotten():
    held = Held()
    with Ahead([held]) as ahead:
        given = frames(3)
        for frame in given:
            ahead.begin(frame)
        assert ahead.give_back() == given
        assert not len(ahead)
        held.go.set()
        ahead.begin(given[2])
        assert ahead.next()[0] is given[2]
    ahead.close()


def test_what_a_classifier_raises_is_raised_where_its_frame_is_asked_back():
    class Broken:
        def classify(self, frame):
            raise RuntimeError(frame.key)

    with Ahead([Broken()]) as ahead:
        ahead.begin(frames(1)[0])
        with pytest.raises(RuntimeError, match="0"):
            ahead.next()


class Log:
    """A store, a source's end, and what happens when."""

    def __init__(self, store, failures=0):
        self.store, self.failures, self.groups = store, failures, []

    def failed(self, source, key):
        return self.store.failed(source, key)

    def write_many(self, classifications):
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk is full")
        self.store.write_many(classifications)
        self.groups.append(len(classifications))


@pytest.fixture
def two(tiny_model):
    with Ahead([Classifier(tiny_model), Classifier(tiny_model)]) as ahead:
        yield ahead


class Committed(RecordingSource):
    """Sees to it that what is acknowledged has its row."""

    path: object = None

    def acknowledge(self, frame, *, failed=False):
        with closing(open_results(self.path)) as db:
            assert list(db.execute("SELECT 1 FROM results WHERE key = ?", [frame.key]))
        super().acknowledge(frame, failed=failed)


def test_rows_in_order_in_groups_and_acknowledged_after_the_commit(two, store, path):
    colours = [random.Random(n).choice(list(COLOURS)) for n in range(100)]
    source = Committed(*(picture(colour) for colour in colours))
    source.path = path
    log, tally = Log(store), daemon.Tally()
    steps = daemon.Steps(source, two, log, together=8)
    turns = list(daemon.turns(source.frames(threading.Event()), steps, tally))
    assert [(row["key"], row["label"]) for row in rows(path)] == [(str(n), colour) for n, colour in enumerate(colours)]
    assert [entry for entry in source.log if "pull" not in entry] == [f"done {n}" for n in range(100)]
    assert sum(log.groups) == tally.rows == 100
    assert 1 < max(log.groups) <= 8
    assert {turn.name for turn in turns} == {"TAKEN", "ROW"}


def test_when_the_source_has_nothing_more_all_is_committed_at_once(two, store, path):
    source, tally = RecordingSource(), daemon.Tally()
    given = [Frame("recording", str(n), NOON, picture("red")) for n in range(3)]
    steps = daemon.Steps(source, two, store, together=16)
    for turn in daemon.turns(iter([*given, None]), steps, tally):
        if turn is daemon.Turn.IDLE:
            break
    assert len(rows(path)) == len(source.log) == 3


def test_a_row_does_not_wait_long_for_others(two, store, monkeypatch):
    """Behind it come frames that have their row already: no group would ever be full."""
    monkeypatch.setattr(daemon, "_GROUP_SECONDS", 0.0)
    store.write_many([Classification("recording", "known", None, NOON, NOON, label="red", score=1.0)])
    known = Frame("recording", "known", NOON, picture("red"))
    source, tally = RecordingSource(), daemon.Tally()
    steps = daemon.Steps(source, two, store, together=16)
    steps.take(Frame("recording", "new", NOON, picture("red")), tally)
    deadline = time.monotonic() + 20
    while not tally.rows:
        assert time.monotonic() < deadline
        assert steps.take(known, tally) in (daemon.Turn.KNOWN, daemon.Turn.ROW)


def test_a_frame_with_the_key_of_one_under_way_waits_for_its_row(two, store, path):
    """A file that was touched: its content, and so its key, are the same."""
    source, tally = RecordingSource(), daemon.Tally()
    steps = daemon.Steps(source, two, store, together=16)
    turns = [steps.take(Frame("recording", "same", NOON, image), tally).name for image in (b"torn", b"torn")]
    assert turns == ["TAKEN", "KNOWN_ERROR"]
    assert (source.log, tally.rows, len(rows(path))) == (["failed same", "failed same"], 1, 1)


@pytest.mark.parametrize("tries", [5, 2])
def test_a_disk_that_is_full_in_the_middle_of_a_group(two, store, path, tries):
    """Waited for, no row is lost or double; given up, all that is not finished is given back, in order."""

    def patience(action):
        for _ in range(tries):
            try:
                action()
            except Unavailable:
                continue
            return True
        return False

    source, tally = RecordingSource(*[picture("red")] * 40), daemon.Tally()
    log = Log(store)
    steps = daemon.Steps(source, two, log, together=8, patience=patience)
    for turn in daemon.turns(source.frames(threading.Event()), steps, tally):
        if turn is daemon.Turn.ROW and len(log.groups) == 1:
            log.failures = 3
        if turn is daemon.Turn.STOPPED:
            break
    given = [frame.key for frame in steps.give_back()]
    assert [row["key"] for row in rows(path)] == [str(n) for n in range(tally.rows)]
    pulled = sum(entry.startswith("pull") for entry in source.log)
    assert given == [str(n) for n in range(tally.rows, pulled)]
    assert [entry for entry in source.log if "done" in entry] == [f"done {n}" for n in range(tally.rows)]
    assert (pulled == tally.rows == 40) == (tries == 5)
    assert steps.give_back() == []


def test_each_frame_that_runs_ahead_is_saved_before_its_row_and_has_one_commit(two, store):
    class Saving:
        def save(self, frame, classification):
            assert frame.key == classification.key
            source.log.append(f"save {frame.key}")
            return classification

        def prune(self):
            pass

    source, tally, log = RecordingSource(*[picture("red")] * 40), daemon.Tally(), Log(store)
    steps = daemon.Steps(source, two, log, saved=Saving(), held_frames=1)
    list(daemon.turns(source.frames(threading.Event()), steps, tally))
    assert log.groups == [1] * 40
    saved = [entry for entry in source.log if "pull" not in entry]
    assert saved == [f"{step} {n}" for n in range(40) for step in ("save", "done")]


def test_a_vote_sees_the_frames_in_order(two, store, path):
    class Listening:
        def __init__(self):
            self.seen = []

        def decide(self, classification):
            self.seen.append(classification.key)
            return classification if len(self.seen) % 3 == 0 else None

        def overdue(self, _):
            return None

        def flush(self):
            return None

    source, tally, vote = RecordingSource(*[picture("red")] * 30), daemon.Tally(), Listening()
    steps = daemon.Steps(source, two, store, vote=vote, together=4)
    list(daemon.turns(source.frames(threading.Event()), steps, tally))
    assert vote.seen == [str(n) for n in range(30)]
    assert (tally.rows, tally.held) == (10, 20)
    with closing(open_results(path)) as db:
        assert sorted(int(row["key"]) for row in find_rows(db)) == list(range(2, 30, 3))
    assert source.log.count("done 29") == 1


class SlowAt(Slow):
    """Holds one frame back until it is let go, or fails on it."""

    def __init__(self, key, error=None):
        super().__init__(0)
        self.key, self.error, self.go = key, error, threading.Event()

    def classify(self, frame):
        if frame.key == self.key:
            if self.error:
                raise self.error
            self.go.wait(30)
        return super().classify(frame)


@pytest.mark.parametrize("error", [None, RuntimeError("native")])
def test_rows_do_not_wait_for_a_frame_that_takes_long_or_fails(store, path, error):
    source, tally, log = RecordingSource(*[picture("red")] * 5), daemon.Tally(), []
    slow = SlowAt("3", error)

    def let_go():
        deadline = time.monotonic() + 20
        while len(rows(path)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        log.append(len(rows(path)))
        slow.go.set()

    with Ahead([slow]) as ahead:
        watcher = threading.Thread(target=let_go)
        watcher.start()
        steps = daemon.Steps(source, ahead, store, together=daemon.GROUP_ROWS)
        with pytest.raises(RuntimeError, match="native") if error else nullcontext():
            for _ in daemon.turns(source.frames(threading.Event()), steps, tally):
                pass
        watcher.join()
    assert log == [3]
    assert len(rows(path)) == (3 if error else 5)
