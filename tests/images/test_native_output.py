"""What native libraries print: dropped if it is about images, held back while a model is opened, never lost for others."""

import os
import subprocess
import sys
import threading
from collections import Counter

import pytest

from edgecls.images.native_output import captured_stderr, hide_decoder_messages, restore_stderr


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_what_goes_well_is_quiet(capfd):
    with captured_stderr():
        os.write(2, b"INFO: created a delegate\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_what_fails_is_written_in_full(capfd):
    with pytest.raises(ZeroDivisionError), captured_stderr():
        os.write(2, b"the reason\n") / 0
    assert capfd.readouterr().err == "the reason\n"


def test_decoder_messages_are_dropped_and_others_passed_on(capfd):
    with hide_decoder_messages():
        os.write(2, b"libpng error: IDAT: CRC error\n")
        in_thread(lambda: os.write(2, b"a line of the log\n")).join()
        os.write(2, b"TIFFReadDirectory: odd \xff\n")
        os.write(2, b"no line end")
    assert capfd.readouterr().err == "a line of the log\nno line end"
    with pytest.raises(ZeroDivisionError), hide_decoder_messages():
        os.write(2, b"libpng warning: x\n") / 0
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("block", ["captured_stderr", "hide_decoder_messages"])
def test_a_process_without_stderr(block):
    script = f"""
import os
from edgecls.images import native_output
os.close(2)
with native_output.{block}():
    pass
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_no_descriptor_is_leaked():
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with captured_stderr(), hide_decoder_messages():
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


def test_the_last_message_is_written_although_another_thread_holds_stderr(capfd):
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with captured_stderr():
            inside.set()
            leave.wait(10)

    thread = in_thread(hold)
    inside.wait(10)
    restore_stderr()
    os.write(2, b"the last message")
    assert capfd.readouterr().err == "the last message"
    leave.set()
    thread.join()


def test_a_block_within_another_thread_passes_lines_on_at_once(capfd):
    """Two threads that always decode at the same time would otherwise hold a log back for ever."""
    with hide_decoder_messages():
        os.write(2, b"libpng error: x\na line of the log\n")
        with hide_decoder_messages():
            assert capfd.readouterr().err == "a line of the log\n"
        os.write(2, b"another\n")
    assert capfd.readouterr().err == "another\n"


def test_what_two_threads_write_at_once_is_passed_on_whole(capfd):
    def write(line):
        for _ in range(5000):
            os.write(2, line)

    lines = [b"libpng error: a\n", b"libpng error: bcd\n", b"line e\n", b"line fgh\n"]
    with hide_decoder_messages():
        for thread in [in_thread(lambda line=line: write(line)) for line in lines]:
            thread.join()
    assert Counter(capfd.readouterr().err.splitlines()) == {"line e": 5000, "line fgh": 5000}


def test_a_stderr_that_takes_nothing_ends_nothing():
    """As on a full disk: what is passed on is lost, and the next block works like the first."""
    full, kept = os.open("/dev/full", os.O_WRONLY), os.dup(2)
    os.dup2(full, 2)
    try:
        for _ in range(2):
            with hide_decoder_messages():
                os.write(2, b"a line of the log\nlibpng error: x\n")
            assert os.fstat(2).st_rdev == os.fstat(full).st_rdev
        with captured_stderr():
            pass
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(full)
