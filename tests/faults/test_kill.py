"""`kill -9`, again and again, while files arrive: one row a file, and nothing left behind."""

import itertools
import random
import threading
import time
from dataclasses import dataclass

import pytest
from pictures import encode, noise

FILES, KILLS = 1000, 100
NAMES = [f"{'sub/' * (n % 2)}{n}.png" for n in range(FILES)]
BAD = set(NAMES[::10])
SETTLE = 1.0  # far longer than the feeder ever pauses within a file, however busy the machine is
AT_START = 20  # of the kills: before READY


@dataclass
class Feeder:
    """Brings the files in step with the kills, each in one of three ways, at moments of its own."""

    place: object
    chance: random.Random
    pause: float
    killed: int = 0

    def run(self):
        for n, name in enumerate(NAMES):
            while n > (self.killed + 1) * FILES / KILLS:
                time.sleep(0.005)
            data = b"text %d" % n if name in BAD else encode(noise(60, 40, n))
            (self._half_first, self._from_outside, self._from_beside)[n % 3](self.place.inbox / name, data)
            if n >= self.killed * FILES / KILLS:  # not behind
                time.sleep(self.chance.uniform(0, 2 * self.pause * KILLS / FILES))

    def _half_first(self, path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            time.sleep(0.02)
            file.write(data[len(data) // 2 :])

    def _from_outside(self, path, data):
        self.place.put(path.relative_to(self.place.inbox), data)

    def _from_beside(self, path, data):
        part = path.with_name(f".{path.name}")
        part.write_bytes(data)
        part.rename(path)


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_killed_a_hundred_times_while_files_arrive(place, counted, tiny_model, after):
    (place.inbox / "sub").mkdir()
    place.configure(tiny_model.path, 'path = "inbox"', f"settle_seconds = {SETTLE}", f'after = "{after}"')
    chance = random.Random(after)
    begun = time.monotonic()
    assert place.finish("0.1") == 0
    start = time.monotonic() - begun
    feeder = Feeder(place, random.Random(after), pause=start)
    feeding = threading.Thread(target=feeder.run)
    feeding.start()
    at_start = set(chance.sample(range(KILLS), AT_START))
    for n in range(KILLS):
        _run_and_kill(place, chance, start, before_ready=n in at_start)
        feeder.killed = n + 1
    feeding.join()
    waiting = FILES - place.count()
    assert place.finish() == 0
    assert {path.name for path in place.folder.iterdir()} == {
        "edgecls.toml", "inbox", "log", ".results.db.lock", "results.db"
    }  # fmt: skip
    _check_rows(place)
    assert place.files() == _left(after)
    busy = _busy_kills(place)
    assert busy > KILLS / 4
    ready = len(place.log_lines("ready: ")) - 2
    counted(
        f'`kill -9` over {FILES} arriving files, `after = "{after}"`',
        f"{KILLS}, {ready} of them after READY, {busy} after rows of that process",
        f"{FILES} rows, {waiting} of them after the last kill; no duplicate, nothing left behind, integrity ok",
    )


def _run_and_kill(place, chance, start, *, before_ready):
    """Anywhere in the start; or just after READY, or after its first row, when it does what has piled up."""
    ready_lines, rows = len(place.log_lines("ready: ")), place.count()
    with place.daemon() as process:
        if before_ready:
            time.sleep(chance.uniform(0, start))
        else:
            _wait(lambda: len(place.log_lines("ready: ")) > ready_lines or process.poll() is not None, 60)
            if chance.random() < 0.5:  # of kept files it reads again all that were there, before it comes to new ones
                _wait(lambda: place.count() > rows, 2)
            time.sleep(chance.choice((0.03, 0.1, 0.1, 0.4)) * chance.random())
        process.kill()
    assert process.returncode == -9, place.log_lines()[-1]


def _wait(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.002)


def _check_rows(place):
    rows = [(key.rpartition("#")[0], error) for key, error in place.ask("SELECT key, error FROM results")]
    assert sorted(name for name, _ in rows) == sorted(NAMES)
    assert {name for name, error in rows if error} == BAD
    assert place.is_whole()


def _left(after):
    """The files that should be in the inbox now."""
    moved = ((f"failed/{name}" if name in BAD else f"done/{name}") for name in NAMES)
    return {"keep": set(NAMES), "move": set(moved), "delete": {f"failed/{name}" for name in BAD}}[after]


def _busy_kills(place):
    """How many of the processes that were killed had written rows."""
    killed = place.ask("SELECT id FROM runs WHERE stop_reason LIKE 'killed%'")
    wrote = place.ask("SELECT DISTINCT run_id FROM results")
    return len(set(itertools.chain(*killed)) & set(itertools.chain(*wrote)))
