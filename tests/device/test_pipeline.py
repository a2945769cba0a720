"""The pipeline with a real classifier, a real database and, where it matters, a real folder."""

import os
import threading

import pytest
from pictures import picture
from recording import NOON, RecordingSource, begin, rows

from edgecls.database.retry import GaveUp
from edgecls.database.store import Store
from edgecls.device.classifier_pool import ClassifierPool
from edgecls.device.configuration.settings import VoteSettings
from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.pipeline import FramePipeline
from edgecls.device.pipeline_counts import PipelineCounts
from edgecls.device.sources import open_source
from edgecls.device.vote import Vote
from edgecls.errors import Unavailable
from edgecls.inference.classifier import Classifier
from edgecls.records import Frame


class Recording:
    """The steps between, written into the same log."""

    def __init__(self, log, classifier, store):
        self.log, self.classifier, self.store = log, classifier, store

    def classify(self, frame):
        self.log.append(f"classify {frame.key}")
        return self.classifier.classify(frame)

    def failed(self, source, key):
        return self.store.failed(source, key)

    def write_many(self, classifications):
        self.store.write_many(classifications)
        self.log.append(f"committed {' '.join(one.key for one in classifications)}")


@pytest.fixture(scope="module")
def classifier(tiny_model):
    return Classifier(tiny_model)


def new_pipeline(source, classifier, store, stop=None, **options):
    """A pipeline in which nothing runs ahead, as for a camera."""
    pool = ClassifierPool([classifier], synchronous=True)
    options = {"interrupt": stop or threading.Event(), "counts": PipelineCounts(), **options}
    return FramePipeline(source, pool, store, **options)


def process_all(source, classifier, store, stop=None):
    """Process the frames of the source, and return how many rows were committed."""
    stop, counts = stop or threading.Event(), PipelineCounts()
    new_pipeline(source, classifier, store, stop, counts=counts).process_frames()
    return counts.rows


def test_decode_classify_commit_acknowledge(classifier, store):
    log = []
    source = RecordingSource(picture("red"), picture("blue"), log=log)
    steps = Recording(log, classifier, store)
    assert process_all(source, steps, steps) == 2
    assert log == [f"{step} {n}" for n in (0, 1) for step in ("pull", "classify", "committed", "done")]


def test_a_frame_is_acknowledged_only_when_others_can_read_its_row(classifier, store, path):
    class Checking(RecordingSource):
        def acknowledge(self, frame, *, failed=False):
            assert frame.key in {row["key"] for row in rows(path)}
            super().acknowledge(frame, failed=failed)

    source = Checking(picture("red"), picture("blue"))
    assert process_all(source, classifier, store) == 2
    assert source.log[-1] == "done 1"


def test_bad_images_do_not_stop_the_loop(classifier, store, path, caplog):
    source = RecordingSource(picture("red"), b"torn", None, b"", picture("blue"))
    assert process_all(source, classifier, store) == 5
    errors = [row["error"] for row in rows(path)]
    assert errors == [None, "is a text file, not an image: remove it", "could not be read", "is empty", None]
    assert [row["label"] for row in rows(path)] == ["red", None, None, None, "blue"]
    assert [entry for entry in source.log if "pull" not in entry] == [
        "done 0",
        "failed 1",
        "failed 2",
        "failed 3",
        "done 4",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "1 is a text file, not an image: remove it", "2 could not be read", "3 is empty"
    ]  # fmt: skip


def test_a_frame_that_has_its_row_is_acknowledged_and_not_classified_again(classifier, store, path):
    source = RecordingSource(b"torn", picture("blue"))
    assert process_all(source, classifier, store) == 2
    again = RecordingSource(b"torn", picture("blue"), picture("green"))
    assert process_all(again, classifier, store) == 1
    assert [entry for entry in again.log if "pull" not in entry] == ["failed 0", "done 1", "done 2"]
    assert [row["label"] for row in rows(path)] == [None, "blue", "green"]


def test_the_frame_in_hand_is_finished(classifier, store):
    source, stop = RecordingSource(), threading.Event()

    def frames():
        yield from (Frame("recording", str(n), NOON, picture("red")) for n in range(2))
        stop.set()
        yield Frame("recording", "2", NOON, picture("red"))
        raise AssertionError("asked for a frame after the stop")

    source.deliver(frames())
    assert process_all(source, classifier, store, stop) == 3
    assert source.log[-1] == "done 2"


def test_a_row_that_cannot_be_written_is_not_acknowledged(classifier, path):
    source = RecordingSource(picture("red"))
    with Store(path) as store, pytest.raises(RuntimeError, match=r"needs begin_run"):
        process_all(source, classifier, store)
    assert source.log == ["pull 0"]


class Saving:
    """Records which frames were to be saved."""

    def __init__(self, log):
        self.log = log

    def save(self, frame, classification):
        assert frame.key == classification.key
        self.log.append(f"save {frame.key}")
        return classification


class Upkeep:
    """Records when the maintenance ran."""

    def __init__(self, log):
        self.log = log

    def run(self, new_rows):
        self.log.append(f"maintenance {new_rows}")


def two_of(**settings):
    return Vote(VoteSettings(votes=2, **settings))


def test_a_vote_defers_frames_and_the_winners_own_is_saved(classifier, store):
    log, counts = [], PipelineCounts()
    source = RecordingSource(*[picture("red")] * 5, log=log)
    recorded = Recording(log, classifier, store)
    pipeline = new_pipeline(
        source, recorded, recorded, counts=counts, vote=two_of(), saved_frames=Saving(log), maintenance=Upkeep(log),
        recent_frames=2,
    )  # fmt: skip
    pipeline.process_frames()
    pipeline.close_vote()
    assert (counts.rows, counts.deferred) == (3, 3)
    assert [entry for entry in log if not entry.startswith(("pull", "classify"))] == [
        "done 0", "save 0", "committed 0", "done 1", "maintenance 1",
        "done 2", "save 2", "committed 2", "done 3", "maintenance 1",
        "done 4", "save 4", "committed 4", "maintenance 1",
    ]  # fmt: skip


def test_a_vote_that_timed_out_is_recorded_while_no_frame_comes(classifier, store, path):
    source, log = RecordingSource(), []
    frame = Frame("recording", "0", NOON, picture("red"))  # years ago
    pipeline = new_pipeline(source, classifier, store, vote=two_of(within_seconds=1), maintenance=Upkeep(log))
    source.deliver([None, frame])
    pipeline.process_frames()
    assert rows(path) == []
    source.deliver([None, None])
    pipeline.process_frames()
    assert [row["label"] for row in rows(path)] == ["red"]
    assert log == ["maintenance 0", "maintenance 1", "maintenance 0"]


class Full(Recording):
    """A database on a disk that is full for the first `failures` attempts, and interrupts the waiting before the last."""

    def __init__(self, log, classifier, store, failures, interrupt=None):
        super().__init__(log, classifier, store)
        self.failures, self.interrupt = failures, interrupt

    def write_many(self, classifications):
        self.failures -= 1
        if self.failures == 0 and self.interrupt:
            self.interrupt.set()
        if self.failures >= 0:
            raise Unavailable("the disk is full")
        super().write_many(classifications)


def test_a_full_disk_is_waited_for(classifier, store, path):
    source, counts = RecordingSource(picture("red")), PipelineCounts()
    full = Full(source.log, classifier, store, failures=2)
    new_pipeline(source, full, full, counts=counts).process_frames()
    assert source.log == ["pull 0", "classify 0", "committed 0", "done 0"]
    assert len(rows(path)) == counts.rows == 1


def test_an_interrupt_ends_the_waiting_and_nothing_is_acknowledged(classifier, store, path):
    source, interrupt = RecordingSource(picture("red"), picture("blue")), threading.Event()
    full = Full(source.log, classifier, store, failures=2, interrupt=interrupt)
    pipeline = new_pipeline(source, full, full, interrupt)
    with pytest.raises(GaveUp):
        pipeline.process_frames()
    assert source.log == ["pull 0", "classify 0"]
    assert rows(path) == []
    unfinished = pipeline.release()
    assert [frame.key for frame in unfinished.frames] == ["0"]
    interrupt.clear()
    source.deliver([])
    new_pipeline(source, full, full, interrupt, unfinished=unfinished).process_frames()
    assert source.log[2:] == ["classify 0", "committed 0", "done 0"]


def test_a_row_that_a_vote_has_decided_is_committed_by_the_next_pipeline(classifier, store, path):
    """Its frames are counted, and are not classified again."""
    source, interrupt, vote = RecordingSource(*[picture("red")] * 3), threading.Event(), two_of()
    full = Full(source.log, classifier, store, failures=1, interrupt=interrupt)
    pipeline = new_pipeline(source, full, full, interrupt, vote=vote)
    with pytest.raises(GaveUp):
        pipeline.process_frames()
    unfinished = pipeline.release()
    assert unfinished.frames == []
    interrupt.clear()
    after = new_pipeline(source, full, full, interrupt, vote=unfinished.vote, unfinished=unfinished)
    source.deliver([Frame("recording", "2", NOON, picture("red"))])
    after.process_frames()
    after.close_vote()
    assert [(row["key"], row["votes"]) for row in rows(path)] == [("0", {"red": 2}), ("2", {"red": 1})]
    assert [entry for entry in source.log if "classify" in entry] == ["classify 0", "classify 1", "classify 2"]


def test_exactly_one_row_a_file_across_restarts(classifier, tiny_model, path, tmp_path):
    """Three runs over one folder, the first of them stopped in the middle, with names of every kind."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    names = [b"a.png", b"two\nlines.png", "\U0001f408.png".encode(), b"latin-\xe9.png", b"sub/b.png"]
    (inbox / "sub").mkdir()
    for n, name in enumerate(names):
        file = os.path.join(os.fsencode(inbox), name)
        with open(file, "wb") as out:
            out.write(picture("red"))
        os.utime(file, (n, n))
    settings = FolderSettings(path=inbox, until_idle=0.05)
    written = []
    for stop_after in (2, None, None):
        stop = threading.Event()
        with open_source(settings) as source, Store(path) as store:
            begin(store, tiny_model)
            taking = Stopping(classifier, stop, stop_after)
            written.append(process_all(source, taking, store, stop))
    assert written == [2, 3, 0]
    found = rows(path)
    assert [row["key"].split("#")[0] for row in found] == [
        "a.png", "two\nlines.png", "\U0001f408.png", "latin-\\udce9.png", "sub/b.png"
    ]  # fmt: skip
    assert {row["label"] for row in found} == {"red"}
    (inbox / "a.png").write_bytes(picture("blue"))
    os.utime(inbox / "a.png", (9, 9))
    with open_source(settings) as source, Store(path) as store:
        begin(store, tiny_model)
        assert process_all(source, classifier, store) == 1
    assert [row["label"] for row in rows(path) if row["key"].startswith("a.png")] == ["red", "blue"]


class Stopping:
    """A classifier during whose `stop_after`-th frame the signal comes."""

    def __init__(self, classifier, stop, stop_after):
        self.classifier, self.stop, self.left = classifier, stop, stop_after

    def classify(self, frame):
        if self.left is not None:
            self.left -= 1
            if not self.left:
                self.stop.set()
        return self.classifier.classify(frame)
