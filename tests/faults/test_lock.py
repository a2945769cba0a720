"""Another process holds the database for half a minute."""

import subprocess
import sys
import time
from contextlib import contextmanager

from pictures import picture

SECONDS, FILES = 30, 50
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


@contextmanager
def held(database):
    """By another process: the locks of one process do not keep it out itself."""
    command = [sys.executable, "-c", HOLD, database]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        yield


def test_another_process_holds_the_database_for_half_a_minute(place, counted, tiny_model, until):
    place.configure(tiny_model.path, 'path = "inbox"', "settle_seconds = 0.1", 'after = "delete"')
    place.put("first.png", picture("red"))
    with place.daemon() as process:
        until(lambda: place.count() == 1 and not place.files())
        with held(place.database):
            begun = time.monotonic()
            for n in range(FILES):
                place.put(f"{n}.png", picture("blue"))
            until(lambda: place.log_lines("retrying; nothing is dropped"))
            told = time.monotonic() - begun
            while time.monotonic() < begun + SECONDS:
                assert (place.count(), len(place.files())) == (1, FILES)
                time.sleep(0.2)
        until(lambda: not place.files())
        process.terminate()
        assert process.wait(30) == 0
    assert place.count() == place.count("DISTINCT key") == FILES + 1
    assert place.is_whole()
    (waits,) = place.log_lines("retrying; nothing is dropped")
    assert "another process" in waits
    assert len(place.log_lines("available again")) == 1
    counted(
        f"another process holds the database's lock for {SECONDS} s",
        f"once, while {FILES} files arrive",
        f"said once, after {told:.0f} s, and once that it goes on; no file was deleted before; {FILES} rows",
    )
