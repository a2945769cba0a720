import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from edgecls.images.native_output import _descriptor2, captured_stderr, heard_stderr, overheard, remarks


def test_what_goes_well_is_quiet(capfd):
    with captured_stderr():
        os.write(2, b"INFO: created a delegate\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_what_fails_is_told_in_full(capfd):
    with pytest.raises(ZeroDivisionError), captured_stderr():
        os.write(2, b"the reason\n") / 0
    assert capfd.readouterr().err == "the reason\n"


def test_remarks_are_collected_and_everything_else_is_told(capfd):
    def line(text):
        thread = threading.Thread(target=os.write, args=(2, text))
        thread.start()
        thread.join()

    with remarks(re.compile(rb"Corrupt")) as made:
        os.write(2, b"Corrupt: a\n")
        line(b"a line of the log\n")
        os.write(2, b"Corrupt: b \xff\n")
        os.write(2, b"no line end")
    assert made == ["Corrupt: a", "Corrupt: b \ufffd"]
    assert capfd.readouterr().err == "a line of the log\nno line end"
    with pytest.raises(ZeroDivisionError), remarks(re.compile(rb"Corrupt")) as made:
        os.write(2, b"Corrupt: c\n") / 0
    os.write(2, b"after\n")
    assert (made, capfd.readouterr().err) == (["Corrupt: c"], "after\n")


def test_remarks_where_there_is_no_stderr():
    script = """
import os, re
from edgecls.images.native_output import remarks
os.close(2)
with remarks(re.compile(b"x")) as made:
    assert made == []
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_no_descriptor_is_leaked():
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with captured_stderr():
            pass
        with remarks(re.compile(rb"x")):
            pass
    assert os.listdir("/proc/self/fd") == before


def test_it_needs_no_disk():
    """A device may have a read-only system and a full /tmp."""
    script = """
import os, resource, signal
from edgecls.images.native_output import captured_stderr
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


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_many_overhear_the_same_and_know_that_they_are_many(capfd):
    begun, said = threading.Event(), threading.Event()
    other = []

    def listen():
        with overheard(re.compile(rb"Corrupt")) as heard:
            begun.set()
            said.wait(10)
        other.append(heard)

    with overheard(re.compile(rb"Corrupt|odd")) as first:
        os.write(2, b"Corrupt: a\n")
        thread = in_thread(listen)
        begun.wait(10)
        os.write(2, b"Corrupt: b\nodd\na line of the log\n")
        said.set()
        thread.join()
        os.write(2, b"Corrupt: c\n")
    assert (first.lines, first.alone) == (["Corrupt: a", "Corrupt: b", "odd", "Corrupt: c"], False)
    assert (other[0].lines, other[0].alone) == (["Corrupt: b"], False)
    with overheard(re.compile(rb"Corrupt")) as later:
        os.write(2, b"Corrupt: d\n")
    assert (later.lines, later.alone) == (["Corrupt: d"], True)
    assert capfd.readouterr().err == "a line of the log\n"


def test_what_two_threads_write_at_once_is_heard_whole(capfd):
    def say(words):
        for _ in range(5000):
            os.write(2, words)

    sayings = [b"Corrupt: a", b"Corrupt: bcd", b"line e", b"line fgh"]
    with overheard(re.compile(rb"Corrupt")) as heard:
        for thread in [in_thread(lambda words=words: say(words + b"\n")) for words in sayings]:
            thread.join()
    assert Counter(heard.lines) == {"Corrupt: a": 5000, "Corrupt: bcd": 5000}
    assert Counter(capfd.readouterr().err.splitlines()) == {"line e": 5000, "line fgh": 5000}


def test_who_wants_to_be_alone_is_not_kept_waiting_by_those_that_come_later():
    """Two that always overlap would keep a model from being opened for ever."""
    order = []
    with overheard(re.compile(rb"x")):

        def alone():
            with captured_stderr():
                order.append("alone")

        def later():
            with overheard(re.compile(rb"x")):
                order.append("later")

        first = in_thread(alone)
        while not _descriptor2._waiting:
            time.sleep(0.001)
        second = in_thread(later)
        time.sleep(0.05)
        assert order == []
    first.join(10)
    second.join(10)
    assert order == ["alone", "later"]


def test_a_stderr_that_takes_nothing_ends_nothing():
    """As on a full disk: what is held back for it is lost, and the next block is as good as the first."""
    full, kept = os.open("/dev/full", os.O_WRONLY), os.dup(2)
    os.dup2(full, 2)
    try:
        for _ in range(2):
            with overheard(re.compile(rb"Corrupt")) as heard:
                os.write(2, b"a line of the log\nCorrupt: a\n")
            assert heard.lines == ["Corrupt: a"]
            assert os.fstat(2).st_rdev == os.fstat(full).st_rdev
        with captured_stderr():
            pass
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(full)
