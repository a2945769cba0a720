"""More files at once than the kernel's queue of events holds: those that no event names are found all the same."""

import array
import ctypes
import fcntl
import os
import signal
import termios
from pathlib import Path

from pictures import encode, plain

FILES, FOLDERS = 100_000, 10
HOLDS = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
_PIDFD_GETFD = 438


def test_a_hundred_thousand_files_while_it_stands_still(place, counted, tiny_model, until):
    """Stopped, it reads no event, and its queue is as full as it gets."""
    for n in range(FOLDERS):
        (place.inbox / str(n)).mkdir()  # watched before the files come: each makes an event
    place.configure(
        tiny_model.path, 'path = "inbox"', "settle_seconds = 0.5", "poll_seconds = 5", 'after = "delete"'
    )  # fmt: skip
    images = [encode(plain((n, 255 - n, 0), 8, 8)) for n in range(256)]
    with place.daemon() as process:
        until(lambda: place.log_lines("ready: "))
        place.put("first.png", images[0])
        until(lambda: place.count() == 1)
        process.send_signal(signal.SIGSTOP)
        for n in range(FILES):
            (place.inbox / str(n % FOLDERS) / f"{n}.png").write_bytes(images[n % 256])
        queued = _queued_bytes(process.pid)
        process.send_signal(signal.SIGCONT)
        until(lambda: place.count() == FILES + 1 and not place.files(), 1200)
        process.terminate()
        assert process.wait(30) == 0
    assert place.count("DISTINCT key") == FILES + 1
    assert place.count("error") == 0
    assert place.is_whole()
    # An event is a header of 16 bytes with a name padded to as many; more than half the queue has such a name.
    assert FILES > HOLDS
    assert queued is None or queued > HOLDS * 16
    counted(
        f"inotify's queue of {HOLDS} events overflows",
        f"{FILES} files at once",
        f"{FILES} rows, {FILES} keys; every file deleted after its row",
    )


def _queued_bytes(pid):
    """How much waits in the process's queue of events; None where we may not look into it."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    folder = Path(f"/proc/{pid}/fd")
    for name in os.listdir(folder):
        if os.readlink(folder / name) == "anon_inode:inotify":
            process = os.pidfd_open(pid)
            ours = call(_PIDFD_GETFD, process, int(name), 0)
            os.close(process)
            if ours < 0:
                return None
            waiting = array.array("i", [0])
            fcntl.ioctl(ours, termios.FIONREAD, waiting)
            os.close(ours)
            return waiting[0]
    raise AssertionError("it watches nothing")
