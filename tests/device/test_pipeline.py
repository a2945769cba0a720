"""The loop with a real classifier, a real database and, where it matters, a real folder."""

import contextlib
import os
import threading

import pytest
from pictures import picture
from recording import NOON, RecordingSource, begin, rows

from edgecls.database.store import Store
from edgecls.device import pipeline as daemon
from edgecls.device.classifier_pool import Ahead
from edgecls.device.configuration.settings import CameraSettings, FolderSettings, VideoSettings
from edgecls.device.sources import SOURCES, open_source
from edgecls.errors import IoFailed
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


def steps_of(source, classifier, store, **options):
    """The steps where nothing runs ahead, as for a camera."""
    return daemon.Steps(source, Ahead([classifier], at_once=True), store, **options)


def test_decode_classify_commit_acknowledge(classifier, store):
    log = []
    source = RecordingSource(picture("red"), picture("blue"), log=log)
    steps = Recording(log, classifier, store)
    assert daemon.run(source, steps, steps, threading.Event()) == 2
    assert log == [f"{step} {n}" for n in (0, 1) for step in ("pull", "classify", "committed", "done")]


def test_a_frame_is_acknowledged_only_when_others_can_read_its_row(classifier, store, path):
    class Checking(RecordingSource):
        def acknowledge(self, frame, *, failed=False):
            assert frame.key in {row["key"] for row in rows(path)}
            super().acknowledge(frame, failed=failed)

    source = Checking(picture("red"), picture("blue"))
    assert daemon.run(source, classifier, store, threading.Event()) == 2
    assert source.log[-1] == "done 1"


def test_bad_images_do_not_stop_the_loop(classifier, store, path, caplog):
    source = RecordingSource(picture("red"), b"torn", None, b"", picture("blue"))
    assert daemon.run(source, classifier, store, threading.Event()) == 5
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
    assert daemon.run(source, classifier, store, threading.Event()) == 2
    again = RecordingSource(b"torn", picture("blue"), picture("green"))
    assert daemon.run(again, classifier, store, threading.Event()) == 1
    assert [entry for entry in again.log if "pull" not in entry] == ["failed 0", "done 1", "done 2"]
    assert [row["label"] for row in rows(path)] == [None, "blue", "green"]


def test_the_frame_in_hand_is_finished(classifier, store):
    source = RecordingSource(*[picture("red")] * 5, stop_after=2)
    assert daemon.run(source, classifier, store, threading.Event()) == 2
    assert source.log[-1] == "done 1"


def test_a_row_that_cannot_be_written_is_not_acknowledged(classifier, path):
    source = RecordingSource(picture("red"))
    with Store(path) as store, pytest.raises(RuntimeError, match=r"comes after begin_run"):
        daemon.run(source, classifier, store, threading.Event())
    assert source.log == ["pull 0"]


class Odd:
    """A vote of two frames, which the first one wins."""

    def __init__(self):
        self.open = None

    def decide(self, classification):
        first, self.open = self.open, classification
        return self.flush(first) if first else None

    def overdue(self, now):
        assert now.tzinfo is not None
        return self.flush(self.open)

    def flush(self, first=None):
        first, self.open = first or self.open, None
        return first


class Saving:
    """Keeps what it was given, and what else was asked of it."""

    def __init__(self, log):
        self.log = log

    def save(self, frame, classification):
        assert frame.key == classification.key
        self.log.append(f"save {frame.key}")
        return classification

    def prune(self):
        self.log.append("prune")


def test_a_vote_holds_frames_and_the_winners_own_is_saved(classifier, store):
    log = []
    source = RecordingSource(*[picture("red")] * 5, log=log)
    steps = Recording(log, classifier, store)
    vote, saving, tally = Odd(), Saving(log), daemon.Tally()
    all_steps = steps_of(source, steps, steps, vote=vote, saved=saving, retention=saving, held_frames=2)
    turns = list(daemon.turns(source.frames(threading.Event()), all_steps, tally))
    all_steps.finish(tally)
    assert [turn.name for turn in turns] == ["HELD", "ROW", "HELD", "ROW", "HELD"]
    assert (tally.rows, tally.held) == (3, 3)
    assert [entry for entry in log if not entry.startswith(("pull", "classify"))] == [
        "done 0", "save 0", "committed 0", "done 1", "prune", "prune",
        "done 2", "save 2", "committed 2", "done 3", "prune", "prune",
        "done 4", "save 4", "committed 4", "prune", "prune",
    ]  # fmt: skip


def test_a_vote_that_waited_long_enough_is_recorded_while_no_frame_comes(classifier, store, path):
    source, tally = RecordingSource(), daemon.Tally()
    frame = Frame("recording", "0", NOON, picture("red"))
    steps = steps_of(source, classifier, store, vote=Odd())
    turns = [turn.name for turn in daemon.turns(iter([None, frame, None, None]), steps, tally)]
    assert turns == ["IDLE", "HELD", "ROW", "IDLE"]
    assert [row["label"] for row in rows(path)] == ["red"]


@pytest.mark.parametrize(("failures", "turn"), [(3, "STOPPED"), (1, "ROW")])
def test_a_full_disk_is_waited_for_and_a_stop_ends_that_without_acknowledging(classifier, store, path, failures, turn):
    class Full(Recording):
        left = failures

        def write_many(self, classifications):
            self.left -= 1
            if self.left >= 0:
                raise IoFailed("the disk is full")
            super().write_many(classifications)

    def twice(action):
        for _ in range(2):
            with contextlib.suppress(IoFailed):
                action()
                return True
        return False

    source, tally = RecordingSource(picture("red")), daemon.Tally()
    full = Full(source.log, classifier, store)
    steps = steps_of(source, full, full, patience=twice)
    assert next(daemon.turns(source.frames(threading.Event()), steps, tally)).name == turn
    assert ("done 0" in source.log) == (turn == "ROW") == (len(rows(path)) == tally.rows == 1)
    assert source.log.count("classify 0") == 1


def test_what_a_reload_interrupts_is_taken_again_or_with_a_vote_recorded_afterwards(classifier, store, path):
    """The patience gives up at once, as it does when a reload is asked for."""
    room = []

    def patience(action):
        if room:
            action()
        return bool(room)

    source, tally = RecordingSource(), daemon.Tally()
    frames = [Frame("recording", str(n), NOON, picture("red")) for n in range(4)]
    plain = steps_of(source, classifier, store, patience=patience)
    assert (plain.take(frames[0], tally), plain.give_back(), source.log) == (daemon.Turn.STOPPED, [frames[0]], [])
    voting = steps_of(source, classifier, store, vote=Odd(), patience=patience)
    turns = [voting.take(frame, tally).name for frame in frames[1:3]]
    assert (turns, voting.give_back(), [done.row.key for done in voting.group]) == (["HELD", "STOPPED"], [], ["1"])
    room.append("now")
    assert (plain.take(frames[0], tally), plain.give_back()) == (daemon.Turn.ROW, [])
    after = steps_of(source, classifier, store, vote=Odd(), patience=patience)
    after.take_over_vote(voting)
    assert (after.settle(tally), after.group) == (True, [])
    after.finish(tally)
    assert [row["key"] for row in rows(path)] == ["0", "1"]


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
        with open_source("folder", settings) as source, Store(path) as store:
            begin(store, tiny_model)
            taking = Stopping(classifier, stop, stop_after)
            written.append(daemon.run(source, taking, store, stop))
    assert written == [2, 3, 0]
    found = rows(path)
    assert [row["key"].split("#")[0] for row in found] == [
        "a.png", "two\nlines.png", "\U0001f408.png", "latin-\\udce9.png", "sub/b.png"
    ]  # fmt: skip
    assert {row["label"] for row in found} == {"red"}
    (inbox / "a.png").write_bytes(picture("blue"))
    os.utime(inbox / "a.png", (9, 9))
    with open_source("folder", settings) as source, Store(path) as store:
        begin(store, tiny_model)
        assert daemon.run(source, classifier, store, threading.Event()) == 1
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


def test_every_source_of_the_table_can_be_opened(tmp_path):
    of_kind = {
        "folder": FolderSettings(path=tmp_path),
        "camera": CameraSettings(),
        "video": VideoSettings(path=tmp_path / "a.mp4"),
    }
    names = {
        kind: open_source(kind, of_kind[kind]).name for kind in SOURCES if kind != "picamera"
    }  # which has a test of its own
    assert names["folder"] == f"folder:{tmp_path}"
    assert names["video"] == f"video:{tmp_path / 'a.mp4'}"
    assert all(name.startswith(f"{kind}:") for kind, name in names.items())
