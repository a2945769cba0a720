import os
import subprocess
import sys
import threading

import pytest

from edgecls.native_output import captured_stderr, heard_stderr


def test_what_goes_well_is_quiet(capfd):
    with captured_stderr():
        os.write(2, b"INFO: created a delegate\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_what_fails_is_told_in_full(capfd):
    with pytest.raises(ZeroDivisionError), captured_stderr():
        os.write(2, b"the reason\n") / 0
    assert capfd.readouterr().err == "the reason\n"


def test_no_descriptor_is_leaked():
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with captured_stderr():
            pass
    assert os.listdir("/proc/self/fd") == before


def test_it_needs_no_disk():
    """A device may have a read-only system and a full /tmp."""
    script = """
import os, resource, signal
from edgecls.native_output import captured_stderr
os.environ["TMPDIR"] = "/proc"
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
with captured_stderr():
    os.write(2, b"x" * 100)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stderr == b""


def test_a_last_word_waits_until_it_is_heard(capfd):
    """What a thread that nobody waits for holds back, it gives back in a moment."""
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with captured_stderr():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    threading.Timer(0.2, leave.set).start()
    with heard_stderr():
        os.write(2, b"a last word")
    thread.join()
    assert capfd.readouterr().err == "a last word"
