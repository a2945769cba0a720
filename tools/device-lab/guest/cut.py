"""Power cuts: `write` until the next, and `verify` what the last one has left.

What was put into the inbox, and which rows were seen in the database, is told to the host, whose files outlive the cut.
"""

import itertools
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
WAITING = 5
"""Files in the inbox: enough that the daemon is never idle, not so many that the next boot has long to do."""


def write() -> None:
    """Feed the inbox for ever; the sign to cut comes with this boot's first row."""
    until(active, PATIENCE_S)
    images = sorted((SHARE / "images").glob("*.jpg"))
    before, told = len(rows()), len(lines(SEEN))
    for number in itertools.count(len(lines(FED))):
        name = f"cut-{number:05}.jpg"
        feed(images[number % len(images)], name)
        append(FED, name)
        while True:
            have = rows()
            for row in have[told:]:
                append(SEEN, f"{row.number} {row.name}")
            told = len(have)
            if told > before:
                (SHARE / "writing").touch()
            if len(lines(FED)) - sum(row.name.startswith("cut-") for row in have) < WAITING:
                break
            time.sleep(0.3)


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
    fed, have = lines(FED), times_seen()
    gone = [name for name in fed if not have[name] and not (INBOX / name).exists()]
    before = {line.partition(" ")[2] for line in lines(SEEN)}
    after = len([name for name in fed if name not in before])
    until(lambda: set(fed) <= set(times_seen()), PATIENCE_S)
    have = times_seen()
    wrong = [name for name in {*fed, *have} if have[name] != 1]
    tell(
        f"cut {cut}: each file has one row",
        f"{len(fed)} files, {after} of them not seen classified before; {len(gone)} gone, {len(wrong)} with no row or two",
        ok=not wrong and not gone,
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["verify", number]:
            verify(number)
        case ["write"]:
            write()
        case _:
            sys.exit("cut.py verify NUMBER | cut.py write")
