"""The loop with a real classifier, a real database and, where it matters, a real folder."""

import os
import signal
import threading
from contextlib import closing
from datetime import datetime, timezone

import pytest
from pictures import picture

from edgecls.device import daemon
from edgecls.device.classifier import Classifier
from edgecls.device.settings import FolderSettings
from edgecls.device.sources import SOURCES, open_source
from edgecls.records import Frame
from edgecls.results.queries import find, open_results
from edgecls.results.store import Store

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class RecordingSource:
    """Delivers the images it was given, and writes down what happens when; `stop_after` frames it sees the stop."""

    name = "recording"

    def __init__(self, *images, log=None, stop_after=None):
        self.images, self.log, self.stop_after = images, [] if log is None else log, stop_after

    def frames(self, stop):
        for n, image in enumerate(self.images):
            if n == self.stop_after:
                stop.set()
            if stop.is_set():
                return
            self.log.append(f"pull {n}")
            yield Frame(self.name, str(n), NOON, image)

    def done(self, frame, *, failed=False):
        self.log.append(f"{'failed' if failed else 'done'} {frame.key}")


class Recording:
    """The steps between, written into the same log."""

    def __init__(self, log, classifier, store):
        self.log, self.classifier, self.store = log, classifier, store

    def classify(self, frame):
        self.log.append(f"classify {frame.key}")
        return self.classifier.classify(frame)

    def has(self, source, key):
        return self.store.has(source, key)

    def has_failed(self, source, key):
        return self.store.has_failed(source, key)

    def write(self, classification):
        self.store.write(classification)
        self.log.append(f"committed {classification.key}")


@pytest.fixture(scope="module")
def classifier(tiny_model):
    return Classifier(tiny_model)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.db"


@pytest.fixture
def store(path, tiny_model):
    with Store(path) as opened:
        begin(opened, tiny_model)
        yield opened


def begin(store, model):
    store.begin_run(
        sha256=model.sha256, model_name=model.name, labels=model.labels, metrics={}, device="here", source="test",
        version="0", config={},
    )  # fmt: skip


def rows(path):
    """Oldest first."""
    with closing(open_results(path)) as db:
        return sorted(find(db), key=lambda row: row["id"])


def test_decode_classify_commit_acknowledge(classifier, store):
    log = []
    source = RecordingSource(picture("red"), picture("blue"), log=log)
    steps = Recording(log, classifier, store)
    assert daemon.run(source, steps, steps, threading.Event()) == 2
    assert log == [f"{step} {n}" for n in (0, 1) for step in ("pull", "classify", "committed", "done")]


def test_a_frame_is_acknowledged_only_when_others_can_read_its_row(classifier, store, path):
    class Checking(RecordingSource):
        def done(self, frame, *, failed=False):
            assert frame.key in {row["key"] for row in rows(path)}
            super().done(frame, failed=failed)

    source = Checking(picture("red"), picture("blue"))
    assert daemon.run(source, classifier, store, threading.Event()) == 2
    assert source.log[-1] == "done 1"


def test_bad_images_do_not_stop_the_loop(classifier, store, path, caplog):
    source = RecordingSource(picture("red"), b"torn", None, b"", picture("blue"))
    assert daemon.run(source, classifier, store, threading.Event()) == 5
    errors = [row["error"] for row in rows(path)]
    assert errors == [None, "is not an image that OpenCV can decode", "could not be read", "is empty", None]
    assert [row["label"] for row in rows(path)] == ["red", None, None, None, "blue"]
    assert [entry for entry in source.log if "pull" not in entry] == [
        "done 0",
        "failed 1",
        "failed 2",
        "failed 3",
        "done 4",
    ]
    assert [record.getMessage() for record in caplog.records] == [
        "1 is not an image that OpenCV can decode", "2 could not be read", "3 is empty"
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(number):
    before = signal.getsignal(number)
    with daemon.stop_on_signals() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_every_source_of_the_table_can_be_opened(tmp_path):
    for kind in SOURCES:
        assert open_source(kind, FolderSettings(path=tmp_path)).name == f"folder:{tmp_path}"
