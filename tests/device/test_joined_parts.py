"""Votes, saved frames and retention in the daemon, over restarts and reloads."""

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing

import cv2
import numpy as np
import pytest
from moving_pictures import write_video
from pictures import COLOURS, picture, plain

from edgecls.database.reading import open_results
from edgecls.database.retention import Retention
from edgecls.device.configuration.config import read_config
from edgecls.device.daemon import Daemon
from edgecls.device.signals import Requests
from edgecls.device.sources import folder

pytestmark = pytest.mark.slow

ORDER = ["red"] * 7 + ["blue"] * 8 + ["green"] * 8
"""Of the video: votes of five are 5 red; 2 red and 3 blue; 5 blue; 5 green; 3 green."""


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "video.avi", [plain(COLOURS[colour], 64, 64) for colour in ORDER])


class Place:
    """A configuration, and the daemon with it."""

    def __init__(self, folder, model):
        self.folder, self.model = folder, model

    def configure(self, text):
        (self.folder / "edgecls.toml").write_text(f'model = "{self.model.path}"\n{text}')

    def run(self, on_step=lambda _daemon, _requests: None):
        requests = Requests()
        daemon = Daemon(
            lambda: read_config(self.folder / "edgecls.toml"), requests, on_step=lambda: on_step(daemon, requests)
        )
        with daemon:
            daemon.run()
        return daemon.counts

    def ask(self, sql, database="results.db"):
        with closing(open_results(self.folder / database)) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def place(tmp_path, tiny_model):
    return Place(tmp_path, tiny_model)


VOTE = '[source]\ntype = "video"\npath = "video.avi"\n[vote]\nvotes = 5\n[saved_frames]\nkeep = "all"\n'
ROWS = "SELECT label, votes, saved_bytes NOT NULL FROM results ORDER BY id"
EXPECTED = [
    ("red", '{"red": 5}', 1),
    ("blue", '{"blue": 3, "red": 2}', 1),
    ("blue", '{"blue": 5}', 1),
    ("green", '{"green": 5}', 1),
    ("green", '{"green": 3}', 1),
]


@pytest.mark.usefixtures("video")
def test_a_vote_over_a_video_with_the_winners_own_pictures(place, caplog):
    place.configure(VOTE)
    with caplog.at_level("INFO"):
        place.run()
    assert caplog.messages[-1] == f"stopped (end of the video): {len(EXPECTED)} rows written"
    assert place.ask("SELECT stop_reason FROM runs") == [("end of the video",)]
    assert place.ask(ROWS) == EXPECTED
    for path, label in place.ask("SELECT path, label FROM results"):
        mean = cv2.imread(path).mean(axis=(0, 1))[::-1]
        assert np.abs(mean - COLOURS[label]).max() < 10


@pytest.mark.parametrize("frames", [1, 4, 5, 8, 13, 22])
@pytest.mark.usefixtures("video")
def test_a_vote_that_was_interrupted_ends_as_if_it_had_not_been(place, frames):
    place.configure(VOTE)

    def stop(daemon, requests):
        if daemon.counts.deferred + daemon.counts.rows >= frames:
            requests.request_stop()

    place.run(stop)
    place.run()
    assert place.ask(ROWS) == EXPECTED
    assert len(list((place.folder / "frames").rglob("*.jpg"))) == len(EXPECTED)


@pytest.mark.parametrize("frames", [1, 4, 8])
@pytest.mark.usefixtures("video")
def test_a_vote_goes_on_over_a_reload(place, frames):
    place.configure(VOTE)

    def reload(daemon, requests):
        if daemon.counts.deferred + daemon.counts.rows >= frames and not asked:
            asked.append(True)
            requests.request_reload()

    asked = []
    place.run(reload)
    assert place.ask(ROWS) == EXPECTED


@pytest.mark.usefixtures("video")
def test_another_vote_begins_where_the_one_before_is_closed(place):
    place.configure(VOTE)

    def reload(daemon, requests):
        if daemon.counts.deferred >= 3 and not changed:
            place.configure(VOTE.replace("votes = 5", "votes = 20"))
            requests.request_reload()
            changed.append(daemon.counts.deferred + daemon.counts.rows)

    changed = []
    place.run(reload)
    votes = [Counter(json.loads(row[1])) for row in place.ask(ROWS)]
    assert sum(votes, Counter()) == {"red": 7, "green": 8, "blue": 8}  # each frame in one vote
    counts = [each.total() for each in votes]
    assert all(count <= 5 for count in counts[:-1])  # those that were in flight are still of the vote before
    assert sum(counts[:-1]) >= changed[0]
    assert counts[-1] > 5


@pytest.mark.usefixtures("video")
def test_a_cooldown_holds_over_a_restart_of_the_video(place):
    place.configure(VOTE.replace("votes = 5", "cooldown_seconds = 60"))
    expected = [("red",), ("blue",), ("green",)]
    for _ in range(2):
        place.run()
        assert place.ask("SELECT label FROM results ORDER BY id") == expected


@pytest.mark.parametrize(("after", "remembered"), [("keep", 4), ("move", 0), ("delete", 0)])
def test_rows_that_retention_removed_are_not_written_again(place, after, remembered, monkeypatch):
    monkeypatch.setitem(Retention.__init__.__kwdefaults__, "every", 0)
    (place.folder / "in").mkdir()
    for n in range(6):
        (place.folder / "in" / f"{n}.png").write_bytes(picture("red"))
    place.configure(
        f'[source]\npath = "in"\nafter = "{after}"\nuntil_idle = 0.1\nsettle_seconds = 0.01\n[retention]\nrows_most = 2'
    )
    for _ in range(2):
        place.run()
        assert place.ask("SELECT count(*) FROM results") == [(2,)]
        assert place.ask("SELECT count(*) FROM pruned_keys") == [(remembered,)]


def test_files_that_stay_are_not_read_again_after_a_restart(place, monkeypatch):
    (place.folder / "in").mkdir()
    for colour in ("red", "blue"):
        (place.folder / "in" / f"{colour}.png").write_bytes(picture(colour))
    (place.folder / "in" / "text.png").write_bytes(b"no image")
    time.sleep(0.05)  # a young file is read twice
    place.configure('[source]\npath = "in"\nuntil_idle = 0.1\nsettle_seconds = 0.01')
    opened, read = [], folder.regular_file_frame
    monkeypatch.setattr(folder, "regular_file_frame", lambda *a, **k: opened.append(a[2]) or read(*a, **k))
    for _ in range(2):
        place.run()
        assert sorted(opened) == ["blue.png", "red.png", "text.png"]
        assert place.ask("SELECT count(*) FROM results") == [(3,)]
    with closing(sqlite3.connect(place.folder / "results.db", isolation_level=None)) as db:
        db.execute("DELETE FROM results WHERE key LIKE 'blue%'")  # to have it classified again
    place.run()
    assert opened[3:] == ["blue.png"]
    assert place.ask("SELECT count(*) FROM results") == [(3,)]


@pytest.mark.parametrize("remembered", [True, False])
def test_files_that_were_kept_are_moved_later_without_another_row(place, remembered):
    (place.folder / "in").mkdir()
    for colour in ("red", "blue"):
        (place.folder / "in" / f"{colour}.png").write_bytes(picture(colour))
    source = '[source]\npath = "in"\nuntil_idle = 0.1\nsettle_seconds = 0.01\n'
    place.configure(source)
    place.run()
    if not remembered:  # as after a power cut
        with closing(sqlite3.connect(place.folder / "results.db", isolation_level=None)) as db:
            db.execute("DELETE FROM seen_files")
    place.configure(f'{source}after = "move"')
    place.run()
    assert place.ask("SELECT count(*) FROM results") == [(2,)]
    assert sorted(path.name for path in (place.folder / "in" / "done").iterdir()) == ["blue.png", "red.png"]


@pytest.mark.parametrize(("after", "saved"), [("keep", 0), ("move", 0), ("delete", 2)])
def test_files_that_are_deleted_can_be_saved(place, after, saved):
    (place.folder / "in").mkdir()
    for colour in ("red", "blue"):
        (place.folder / "in" / f"{colour}.png").write_bytes(picture(colour))
    source = f'[source]\npath = "in"\nafter = "{after}"\nuntil_idle = 0.1\nsettle_seconds = 0.01\n'
    place.configure(f'{source}[saved_frames]\nkeep = "all"')
    place.run()
    assert place.ask("SELECT count(*), count(saved_bytes) FROM results") == [(2, saved)]


@pytest.mark.usefixtures("video")
def test_saved_frames_that_cannot_be_are_refused_by_a_reload(place, caplog):
    place.configure(VOTE)
    (place.folder / "other-frames").write_text("no folder")

    def reload(daemon, requests):
        if daemon.counts.deferred and not asked:
            asked.append(True)
            place.configure(f'database = "other.db"\n{VOTE}')
            requests.request_reload()

    asked = []
    place.run(reload)
    assert place.ask(ROWS) == EXPECTED
    assert "reload failed, keeping the current configuration: cannot " in caplog.text
