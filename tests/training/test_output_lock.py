"""Two conversions into one output."""

import os
import signal
import subprocess
import sys

import pytest

from edgecls.errors import Unavailable
from edgecls.training.output_lock import lock_output

HOLD = """
import sys
from pathlib import Path
from edgecls.training.output_lock import lock_output
with lock_output(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def output(tmp_path):
    return tmp_path / "m.tflite"


def test_a_second_one_is_refused_by_whatever_name(output):
    link = output.with_name("link.tflite")
    link.symlink_to(output)
    with lock_output(output):
        for name in (output, link):
            with pytest.raises(
                Unavailable, match=f"cannot write {name}: another conversion is writing it: wait for it to end"
            ):
                lock_output(name).__enter__()
        with lock_output(output.with_name("other.tflite")):
            pass
    with lock_output(link):
        assert sorted(os.listdir(output.parent)) == [".m.tflite.lock", "link.tflite"]
    assert os.listdir(output.parent) == ["link.tflite"]


def test_one_that_was_killed_holds_nothing(output):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, output], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(Unavailable):
            lock_output(output).__enter__()
        child.send_signal(signal.SIGKILL)
        child.wait()
    with lock_output(output):
        pass
    assert os.listdir(output.parent) == []


def test_of_many_at_once_one_holds_it(output):
    """Each in turn, whoever is first: the file is removed and made again under their hands."""
    script = """
import sys, time
from pathlib import Path
from edgecls.training.output_lock import lock_output
from edgecls.errors import Unavailable
output, inside, held = Path(sys.argv[1]), Path(sys.argv[1] + ".inside"), 0
while held < 200:
    try:
        with lock_output(output):
            inside.mkdir()
            inside.rmdir()
            held += 1
    except Unavailable:
        time.sleep(0.0005)
"""
    children = [subprocess.Popen([sys.executable, "-c", script, output]) for _ in range(3)]
    assert [child.wait(timeout=120) for child in children] == [0, 0, 0]
    assert os.listdir(output.parent) == []


def test_where_no_lock_can_be_made(tmp_path):
    with lock_output(tmp_path / "none" / "m.tflite"):
        pass
    assert os.listdir(tmp_path) == []
