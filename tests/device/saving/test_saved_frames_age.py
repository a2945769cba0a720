"""Saved frames go for their age only by a clock that is to be believed."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from pictures import picture

from edgecls.database.clock.system_clock import TRUSTED_AFTER_S, SystemClock
from edgecls.database.saved_frame_rows import SavedFrameRows
from edgecls.database.store import Store
from edgecls.device.configuration.settings import SavedFramesSettings
from edgecls.device.saving.saved_frames import SavedFrames
from edgecls.records import Classification, Frame

UNSET = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Clocks:
    """Both clocks: the one that can be set, and the one that cannot."""

    def __init__(self):
        self.passed = self.jump = 0.0
        self.steady = SystemClock(lambda: time.time() + self.passed + self.jump, lambda: time.time() + self.passed)


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def saved(tmp_path, tiny_model, clocks):
    with Store(tmp_path / "results.db") as store:
        store.begin_run(
            sha256=tiny_model.sha256, model_name="tiny", labels=tiny_model.labels, metrics={}, device="here",
            source="cam", version="0", config={},
        )  # fmt: skip
        settings = SavedFramesSettings(keep="all", max_days=30, best_per_label=0)
        rows = SavedFrameRows(store)
        yield Saved(store, SavedFrames(settings, tmp_path / "frames", rows, every=0, clock=clocks.steady))


class Saved:
    """Frames with the time of their row."""

    def __init__(self, store, frames):
        self.store, self.frames = store, frames

    def put(self, key, when):
        frame = Frame("cam", key, when, picture("red", ".jpg"))
        row = Classification("cam", key, None, when, when, "red", 0.9, ())
        self.store.write(self.frames.save(frame, row))

    def kept(self):
        return [
            key for (key,) in self.store.database.execute("SELECT key FROM results WHERE saved_bytes > 0 ORDER BY id")
        ]


def days_ago(days):
    return datetime.now(timezone.utc) - timedelta(days=days)


def test_nothing_is_old_until_the_clock_has_run_for_a_day(saved, clocks):
    for days in (40, 20):
        saved.put(str(days), days_ago(days))
    assert saved.frames.prune() == 0
    clocks.passed = TRUSTED_AFTER_S
    assert saved.frames.prune() == 1
    clocks.jump = 400 * 86_400
    assert saved.frames.prune() == 0
    clocks.passed += TRUSTED_AFTER_S / 2
    assert saved.frames.prune() == 0
    assert saved.kept() == ["20"]


def test_frames_of_a_clock_that_was_not_set_go_with_the_next_one(saved, clocks):
    clocks.passed = TRUSTED_AFTER_S
    for key, when in (("a", UNSET), ("b", days_ago(40)), ("c", UNSET), ("d", UNSET), ("e", days_ago(5)), ("f", UNSET)):
        saved.put(key, when)
    assert saved.frames.prune() == 2
    assert saved.kept() == ["c", "d", "e", "f"]
