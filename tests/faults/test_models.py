"""Models replaced under the running daemon, good ones and bad ones in turn."""

import itertools
import random
import signal
from collections import Counter

import pytest
from pictures import COLOURS, picture
from tiny_model import write

ROUNDS = 20
KINDS = ("good", "breaking their promise", "truncated", "with 1 bit flipped", "with 64 bits flipped")
FLIPS = {"with 1 bit flipped": 1, "with 64 bits flipped": 64}


def _wait_until_ready(manager):
    while "READY=1" not in manager.recv(4096).decode().splitlines():
        pass


@pytest.fixture
def make(tmp_path, tiny_model):
    """The bytes of a new model of some kind, whose labels tell which one it is."""
    chance = random.Random(5)
    red, green, *others = tiny_model.golden

    def make(kind, number):
        swapped = [type(red)(red.image, green.outputs), green, *others]
        examples = swapped if kind == "breaking their promise" else tiny_model.golden
        labels = [f"{colour} {number}" for colour in COLOURS]
        path = write(tmp_path / "new", labels=labels, examples=examples, name=str(number), thresholds={}).path
        data = bytearray(path.read_bytes())
        if kind == "truncated":
            del data[chance.randrange(len(data)) :]
        for _ in range(FLIPS.get(kind, 0)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return bytes(data)

    return make


def test_models_replaced_under_it(place, counted, tiny_model, manager, make, until, tmp_path):
    (tmp_path / "model.tflite").write_bytes(tiny_model.path.read_bytes())
    place.configure("model.tflite", 'path = "inbox"', "settle_seconds = 0.1", 'after = "delete"')
    used, taken = "", Counter()
    with place.daemon(NOTIFY_SOCKET=manager.getsockname(), EDGECLS_DEBUG="1") as process:
        _wait_until_ready(manager)
        for number, kind in enumerate(itertools.chain.from_iterable(itertools.repeat(KINDS, ROUNDS))):
            (tmp_path / "new").write_bytes(make(kind, number))
            (tmp_path / "new").rename(tmp_path / "model.tflite")
            process.send_signal(signal.SIGHUP)
            _wait_until_ready(manager)
            label = _label_of(place, f"{number}.png", until)
            if label == f"red {number}":
                used = f" {number}"
                taken[kind] += 1
            assert label == f"red{used}", kind
        process.terminate()
        assert process.wait(30) == 0
    assert "Traceback" not in place.log.read_text()
    assert place.is_whole()
    assert (taken["good"], taken["breaking their promise"], taken["truncated"]) == (ROUNDS, 0, 0)
    assert sum(taken[kind] for kind in FLIPS) <= ROUNDS / 4  # where the file means nothing
    counted(
        "a model is replaced under it",
        f"{ROUNDS * len(KINDS)}: " + ", ".join(f"{ROUNDS} {kind}" for kind in KINDS),
        f"the {taken.pop('good')} good ones are used from the next row on; of the others {taken.total()}, in which what was "
        "flipped has no meaning; else the old one goes on",
    )


def _label_of(place, name, until):
    """What the daemon sees in the next red picture."""
    place.put(name, picture("red"))
    found = []
    query = f"SELECT label FROM results WHERE path LIKE '%/{name}'"
    until(lambda: found.extend(place.ask(query)) or found)
    return found[0][0]
