"""Memory stays what it was, however many frames have gone by."""

import re
import time
from pathlib import Path

from pictures import encode, plain

FRAMES, EARLY, WAITING = 100_000, 1000, 500
SHARE = 0.05


def test_memory_after_a_hundred_thousand_frames(place, counted, tiny_model, until):
    """Files come as fast as they go, some hundred ahead; every tenth is no image."""
    place.configure(
        tiny_model.path, 'path = "inbox"', "settle_seconds = 0.5", "poll_seconds = 1", 'after = "delete"',
        top="interpreters = 2\nthreads = 1",
    )  # fmt: skip
    images = [encode(plain((n, 255 - n, 0), 8, 8)) for n in range(256)]
    resident = {}
    with place.daemon() as process:
        until(lambda: place.log_lines("ready: "))
        done = 0
        for n in range(FRAMES):
            place.put(f"{n}.png", b"text" if n % 10 == 0 else images[n % 256])
            if n % 100 == 0:
                while n - (done := place.count()) > WAITING:
                    time.sleep(0.01)
            if done >= EARLY and EARLY not in resident:
                resident[EARLY] = _resident_kb(process.pid)
        until(lambda: place.count() == FRAMES, 600)
        resident[FRAMES] = _resident_kb(process.pid)
        process.terminate()
        assert process.wait(30) == 0
    before, after = (kb / 1024 for kb in resident.values())
    assert after <= before * (1 + SHARE), resident
    assert place.is_whole()
    counted(
        "memory that grows",
        f"{FRAMES} files, one after the other",
        f"{before:.1f} MB resident after {EARLY} rows, {after:.1f} MB after {FRAMES}",
    )


def _resident_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
