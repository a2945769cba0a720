"""Power cuts: `verify` what the last one has left, then `write` until the next.

What was put into the inbox, and which rows were seen in the database, is told to the host, whose files outlive the cut.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from evidence import SHARE, append, lines, tell, until
from results import integrity, rows, times_seen
from unit import PATIENCE_S, active, boot_to_ready_s, journal, said

INBOX = Path("/var/lib/edgecls/inbox")
FED = "fed"
SEEN = "seen"


def write() -> None:
    """Feed the inbox for ever; the sign to cut comes with this boot's first row."""
    until(active, PATIENCE_S)
    images = sorted((SHARE / "images").glob("*.jpg"))
    already, before = len(lines(FED)), len(rows())
    number = already
    while True:
        if len(rows()) + 5 > number - already + before:  # a few in wait, never so many that the next boot takes long
            name = f"cut-{number:05}.jpg"
            feed(images[number % len(images)], name)
            append(FED, name)
            number += 1
        for row in rows()[len(lines(SEEN)) :]:
            append(SEEN, f"{row.number} {row.name}")
        if len(rows()) > before:
            (SHARE / "writing").touch()
        time.sleep(0.05)


def feed(image: Path, name: str) -> None:
    """As something that means it: the file is on the disk under its name before this returns."""
    making = INBOX / f".{name}.part"
    shutil.copyfile(image, making)
    for path in (making, INBOX):
        if path is INBOX:
            making.rename(INBOX / name)
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def verify(cut: str) -> None:
    """The database is whole, no row that was seen has gone, and every file has its row, or waits for it."""
    up = until(active, PATIENCE_S) is not None
    found = integrity()
    kernel = said("sh", "-c", "dmesg | grep -c 'EXT4-fs error'")
    tell(
        f"cut {cut}: the service is READY again, the database whole",
        f"{boot_to_ready_s():.0f} s after the kernel's start; integrity {found}; {kernel} errors of the file system",
        ok=up and found == "ok" and kernel == "0",
    )
    if not up:
        print(journal())
    there = {f"{row.number} {row.name}" for row in rows()}
    lost = [line for line in lines(SEEN) if line not in there]
    tell(f"cut {cut}: no row is lost", f"{len(lost)} of {len(lines(SEEN))} that were seen", ok=not lost)
    fed = lines(FED)
    gone = [name for name in fed if not times_seen()[name] and not (INBOX / name).exists()]
    waiting = sum(not times_seen()[name] for name in fed)
    until(lambda: all(times_seen()[name] for name in fed), PATIENCE_S)
    wrong = {name: count for name, count in times_seen().items() if count != 1} | {
        name: 0 for name in fed if not times_seen()[name]
    }
    tell(
        f"cut {cut}: each file has one row",
        f"{len(fed)} files, {waiting} of them classified after the cut, {len(gone)} gone, {len(wrong)} with none or two",
        ok=not wrong and not gone,
    )


if __name__ == "__main__":
    if sys.argv[1] != "first":
        verify(sys.argv[1])
    if "write" in sys.argv:
        write()
