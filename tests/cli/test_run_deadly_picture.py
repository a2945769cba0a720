"""A picture that ends the process: it has an error row in the end, and all others are classified."""

import json
import shutil
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from pictures import encode, picture

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows

DEADLY = """
import os, signal, time
from edgecls.inference.classifier import Classifier
decode = Classifier._decode
def decode_or_die(self, frame):
    if frame.image is not None and frame.path and "deadly" in frame.path:
        time.sleep(0.1)  # so that others are in flight
        {end}
    return decode(self, frame)
Classifier._decode = decode_or_die
"""
MAIN = "from edgecls.cli.main import main\nmain()\n"
NAMES = [f"{n}.png" for n in range(12)]


@pytest.fixture
def until_it_ends_well(environment, tmp_path):
    """Start the program again and again, as a service is; the exit codes."""

    def until_it_ends_well(*arguments, end="os.kill(os.getpid(), signal.SIGKILL)", most=8):
        codes = []
        while not codes or (codes[-1] not in {0, 1} and len(codes) < most):
            command = [sys.executable, "-c", DEADLY.format(end=end) + MAIN, *map(str, arguments)]
            done = subprocess.run(
                command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=120
            )
            codes.append(done.returncode)
        return codes

    return until_it_ends_well


def rows(folder):
    with closing(open_results(folder / "results.db")) as db:
        return {row["path"].rpartition("/")[2]: (row["label"], row["error"]) for row in find_rows(db)}


def fill(folder, *deadly):
    for name in (*NAMES, *deadly):
        (folder / name).write_bytes(picture("red"))


RUN = ("run", "--config", "edgecls.toml", "--until-idle", "0.5")
REASON = "has ended edgecls 2 times while it was being classified: it is not tried again"


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
def test_killed_while_it_is_decoded(inbox, tmp_path, until_it_ends_well, after):
    with (tmp_path / "edgecls.toml").open("a") as config:
        config.write(f'after = "{after}"\n')
    (tmp_path / "edgecls.toml").write_text("interpreters = 3\nthreads = 1\n" + (tmp_path / "edgecls.toml").read_text())
    fill(inbox, "deadly-1.png", "deadly-2.png")
    codes = until_it_ends_well(*RUN)
    assert codes[-1] == 0
    assert set(codes[:-1]) == {-9}
    assert len(codes) <= 5
    assert rows(tmp_path) == dict.fromkeys(NAMES, ("red", None)) | dict.fromkeys(
        ("deadly-1.png", "deadly-2.png"), (None, REASON)
    )
    assert len(list(inbox.rglob("deadly-*.png"))) == 2
    assert until_it_ends_well(*RUN) == [0]  # nor is it tried later


def test_an_error_that_nobody_expected(inbox, tmp_path, until_it_ends_well):
    fill(inbox, "deadly.png")
    assert until_it_ends_well(*RUN, end="raise ZeroDivisionError") == [70, 70, 0]
    assert rows(tmp_path) == dict.fromkeys(NAMES, ("red", None)) | {"deadly.png": (None, REASON)}


def test_classify_with_a_database(inbox, tmp_path, until_it_ends_well):
    fill(inbox, "deadly.png")
    assert until_it_ends_well("classify", "inbox", "-m", "model.tflite", "--db", "results.db") == [-9, -9, 1]
    assert rows(tmp_path) == dict.fromkeys(NAMES, ("red", None)) | {"deadly.png": (None, REASON)}


def test_a_service_that_is_stopped_in_time_suspects_nobody(inbox, tmp_path, until_it_ends_well):
    fill(inbox, "deadly.png")
    end = "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.2)"
    for _ in range(4):
        assert until_it_ends_well(*RUN, end=end) == [0]
    assert set(rows(tmp_path).values()) == {("red", None)}
    assert not list(tmp_path.glob("*.in-flight"))


def test_a_picture_for_which_there_is_not_enough_memory(edgecls, tmp_path, tiny_model):
    """A picture of 363 MB in a file of 0.4 MB."""
    if shutil.which("prlimit") is None:
        pytest.skip("no prlimit here")
    bars = np.zeros((11_000, 11_000, 3), np.uint8)
    bars[::50] = 200
    (tmp_path / "huge.png").write_bytes(encode(bars))
    (tmp_path / "red.png").write_bytes(picture("red"))
    limited = ("prlimit", f"--as={1_300_000_000}")
    done = edgecls(
        "classify", "huge.png", "red.png", "-m", tiny_model.path, "--format", "jsonl", code=1, prefix=limited
    )
    huge, red = map(json.loads, done.stdout.splitlines())
    assert red["label"] == "red"
    assert huge["error"].startswith(
        "is 11000 x 11000 pixels large: decoding takes up to 1,331 MB of memory, and the limit "
    )
