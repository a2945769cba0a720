"""The pool: order, bounds, and one thread per classifier; then the pipeline with it."""

import random
import threading
import time
from contextlib import closing, nullcontext

import numpy as np
import pytest
from pictures import COLOURS, picture
from recording import NOON, RecordingSource, rows

from edgecls.database.reading import open_results
from edgecls.database.retry import GaveUp
from edgecls.device import classifier_pool, pipeline
from edgecls.device.classifier_pool import QUEUED, ClassifierPool, classify_all, image_bytes
from edgecls.device.configuration.settings import VoteSettings
from edgecls.device.pipeline import GROUP_ROWS, FramePipeline
from edgecls.device.pipeline_counts import PipelineCounts
from edgecls.device.vote import Vote
from edgecls.errors import Unavailable
from edgecls.inference.classifier import Classifier
from edgecls.records import Classification, Frame


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
@pytest.mark.parametrize("synchronous", [False, True])
def test_they_come_back_in_order_and_every_classifier_serves_one_thread(count, synchronous):
    classifiers = [Slow() for _ in range(count)]
    with ClassifierPool(classifiers, synchronous=synchronous) as pool:
        assert [one.key for one in classify_all(pool, frames(50))] == [str(n) for n in range(50)]
    assert sum(one.did for one in classifiers) == 50
    assert all(one.did for one in classifiers)


def test_no_more_frames_are_in_flight_than_there_is_room_for():
    held = [Held(), Held()]
    with ClassifierPool(held) as pool:
        for n, frame in enumerate(frames(2 * (1 + QUEUED))):
            assert not pool.has_result, n
            pool.submit(frame)
        assert pool.has_result
        for one in held:
            one.go.set()
        assert [pool.next_result()[0].key for _ in range(len(pool))] == [str(n) for n in range(2 * (1 + QUEUED))]
        assert not pool.has_result


def test_large_images_take_more_room(monkeypatch):
    monkeypatch.setattr(classifier_pool, "MAX_BYTES", 1000)
    held = Held()
    with ClassifierPool([held]) as pool:
        pool.submit(Frame("test", "a", NOON, bytes(600)))
        assert not pool.has_result
        pool.submit(Frame("test", "b", NOON, np.zeros((20, 10, 3), np.uint8)))
        assert image_bytes(pool) == 1200
        assert pool.has_result
        held.go.set()


def test_released_frames_can_be_submitted_again():
    held = Held()
    with ClassifierPool([held]) as pool:
        submitted = frames(3)
        for frame in submitted:
            pool.submit(frame)
        assert pool.release() == submitted
        assert not len(pool)
        held.go.set()
        pool.submit(submitted[2])
        assert pool.next_result()[0] is submitted[2]
    pool.close()


def test_what_a_classifier_raises_is_raised_where_its_frame_is_asked_back():
    class Broken:
        def classify(self, frame):
            raise RuntimeError(frame.key)

    with ClassifierPool([Broken()]) as pool:
        pool.submit(frames(1)[0])
        with pytest.raises(RuntimeError, match="0"):
            pool.next_result()


class Log:
    """A database that notes the size of each group, and is on a full disk for some attempts, on demand."""

    def __init__(self, store):
        self.store, self.failures, self.groups = store, 0, []
        self.after_first_group = lambda: None

    def failed(self, source, key):
        return self.store.failed(source, key)

    def write_many(self, classifications):
        if self.failures:
            self.failures -= 1
            raise Unavailable("the disk is full")
        self.store.write_many(classifications)
        self.groups.append(len(classifications))
        if len(self.groups) == 1:
            self.after_first_group()


@pytest.fixture
def two(tiny_model):
    with ClassifierPool([Classifier(tiny_model), Classifier(tiny_model)]) as pool:
        yield pool


def new_pipeline(source, pool, store, **options):
    return FramePipeline(source, pool, store, **{"interrupt": threading.Event(), "counts": PipelineCounts(), **options})


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
    log, counts = Log(store), PipelineCounts()
    new_pipeline(source, two, log, counts=counts, group_rows=8).process_frames()
    assert [(row["key"], row["label"]) for row in rows(path)] == [(str(n), colour) for n, colour in enumerate(colours)]
    assert [entry for entry in source.log if "pull" not in entry] == [f"done {n}" for n in range(100)]
    assert sum(log.groups) == counts.rows == 100
    assert 1 < max(log.groups) <= 8


def test_when_the_source_has_nothing_more_all_is_committed_at_once(two, store, path):
    source, committed = RecordingSource(), []

    def idle():
        yield from (Frame("recording", str(n), NOON, picture("red")) for n in range(3))
        yield None
        committed.append(len(rows(path)))

    source.deliver(idle())
    new_pipeline(source, two, store, group_rows=16).process_frames()
    assert committed == [3]
    assert len(source.log) == 3


def test_a_row_does_not_wait_long_for_others(two, store, path, monkeypatch):
    """Behind it come frames that have their row already: no group would ever be full."""
    monkeypatch.setattr(pipeline, "_GROUP_SECONDS", 0.0)
    store.write_many([Classification("recording", "known", None, NOON, NOON, label="red", score=1.0)])
    source, deadline = RecordingSource(), time.monotonic() + 20

    def known_frames():
        yield Frame("recording", "new", NOON, picture("red"))
        while len(rows(path)) < 2:
            assert time.monotonic() < deadline
            yield Frame("recording", "known", NOON, picture("red"))

    source.deliver(known_frames())
    new_pipeline(source, two, store, group_rows=16).process_frames()
    assert "done new" in source.log


def test_a_frame_with_the_key_of_one_in_flight_waits_for_its_row(two, store, path):
    """A file that was touched: its content, and so its key, are the same."""
    source, counts = RecordingSource(), PipelineCounts()
    same = [Frame("recording", "same", NOON, image) for image in (b"torn", b"torn")]
    source.deliver(same)
    new_pipeline(source, two, store, counts=counts, group_rows=16).process_frames()
    assert (source.log, counts.rows, len(rows(path))) == (["failed same", "failed same"], 1, 1)


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_a_disk_that_is_full_in_the_middle_of_a_group(two, store, path, is_interrupted):
    """Waited for, no row is lost or double; interrupted, all that is not finished is released, in order."""
    source, counts, log, interrupt = (
        RecordingSource(*[picture("red")] * 40),
        PipelineCounts(),
        Log(store),
        threading.Event(),
    )

    def fill():
        log.failures = 3

    log.after_first_group = fill
    pipeline = new_pipeline(
        source, two, log, counts=counts, group_rows=8, interrupt=interrupt,
        on_wait=interrupt.set if is_interrupted else lambda: None,
    )  # fmt: skip
    with pytest.raises(GaveUp) if is_interrupted else nullcontext():
        pipeline.process_frames()
    released = [frame.key for frame in pipeline.release().frames]
    assert [row["key"] for row in rows(path)] == [str(n) for n in range(counts.rows)]
    pulled = sum(entry.startswith("pull") for entry in source.log)
    assert released == [str(n) for n in range(counts.rows, pulled)]
    assert [entry for entry in source.log if "done" in entry] == [f"done {n}" for n in range(counts.rows)]
    assert (pulled == counts.rows == 40) == (not is_interrupted)
    assert pipeline.release().frames == []


def test_each_frame_that_runs_ahead_is_saved_before_its_row_and_has_one_commit(two, store):
    class Saving:
        def save(self, frame, classification):
            assert frame.key == classification.key
            source.log.append(f"save {frame.key}")
            return classification

    source, log = RecordingSource(*[picture("red")] * 40), Log(store)
    pipeline = new_pipeline(source, two, log, saved_frames=Saving(), recent_frames=1)
    pipeline.process_frames()
    assert log.groups == [1] * 40
    saved = [entry for entry in source.log if "pull" not in entry]
    assert saved == [f"{step} {n}" for n in range(40) for step in ("save", "done")]


def test_a_vote_sees_the_frames_in_order(two, store, path):
    source, counts = RecordingSource(*[picture("red")] * 30), PipelineCounts()
    pipeline = new_pipeline(source, two, store, counts=counts, vote=Vote(VoteSettings(votes=3)), group_rows=4)
    pipeline.process_frames()
    assert (counts.rows, counts.deferred) == (10, 20)
    assert [(int(row["key"]) // 3, row["votes"]) for row in rows(path)] == [(n, {"red": 3}) for n in range(10)]
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
    source, log = RecordingSource(*[picture("red")] * 5), []
    slow = SlowAt("3", error)

    def let_go():
        deadline = time.monotonic() + 20
        while len(rows(path)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        log.append(len(rows(path)))
        slow.go.set()

    with ClassifierPool([slow]) as pool:
        watcher = threading.Thread(target=let_go)
        watcher.start()
        with pytest.raises(RuntimeError, match="native") if error else nullcontext():
            new_pipeline(source, pool, store, group_rows=GROUP_ROWS).process_frames()
        watcher.join()
    assert log == [3]
    assert len(rows(path)) == (3 if error else 5)
