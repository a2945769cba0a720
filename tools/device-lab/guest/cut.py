"""Test power cuts: `write` until the next cut, and `verify` after it.

The files put into the inbox and the rows seen in the database are recorded on the host, whose files survive the cut. After
each cut `after` changes: move, delete, keep, and then move again, which also moves the kept files.
"""

import itertools
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

from evidence import SHARE, append, lines, record, until
from results import Row, integrity, rows
from unit import PATIENCE_S, UNIT, active, boot_to_ready_s, journal, run

CONFIG = Path("/etc/edgecls/edgecls.toml")
INBOX = Path("/var/lib/edgecls/inbox")
AFTER = ("move", "delete", "keep")
NAMED = "named"
FED = "fed"
SEEN = "seen"
WAITING = 5
"""Files in the inbox: enough that the daemon is never idle, few enough that the next boot finishes them soon."""


def write(boot: int) -> None:
    """Fill the inbox without end; signal the cut with the first row of this boot."""
    until(active, PATIENCE_S)
    switch(AFTER[boot % len(AFTER)])
    images = sorted((SHARE / "images").glob("*.jpg"))
    before, recorded = len(rows()), len(lines(SEEN))
    for number in itertools.count(len(lines(NAMED))):
        name = f"cut-{number:05}.jpg"
        append(NAMED, name)  # first, so that no other file gets this name after a cut
        feed(images[number % len(images)], name)
        append(FED, f"{name} {boot}")
        while True:
            have = rows()
            for row in have[recorded:]:
                append(SEEN, f"{row.number} {row.name}")
            recorded = len(have)
            if recorded > before:
                (SHARE / "writing").touch()
            if len(lines(FED)) - sum(row.name.startswith("cut-") for row in have) < WAITING:
                break
            time.sleep(0.3)


def switch(after: str) -> None:
    """Change `after` as the user does: edit the configuration and reload."""
    reloads = journal("-b").count("reloaded: ")
    text, changes = re.subn(r'^#?after = "\w+"', f'after = "{after}"', CONFIG.read_text(), flags=re.MULTILINE)
    put(CONFIG, text.encode())
    run("systemctl", "reload", UNIT)
    done = until(lambda: journal("-b").count("reloaded: ") > reloads, PATIENCE_S) is not None
    if not done or changes != 1:
        record(f'the daemon does not reload with `after = "{after}"`', journal("-n", "3"), ok=False)


def feed(image: Path, name: str) -> None:
    """Put an image into the inbox durably."""
    put(INBOX / name, image.read_bytes())


def put(path: Path, data: bytes) -> None:
    """Write a file so that it is on the disk under its name when this returns."""
    making = path.with_name(f".{path.name}.part")
    making.write_bytes(data)
    flush(making)
    making.rename(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Flush the content of a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def verify(cut: int) -> None:
    """Check that the database is intact, no row is lost, and every file has its row or waits for it."""
    up = until(active, PATIENCE_S) is not None
    problems = integrity()
    kernel = run("sh", "-c", "dmesg | grep -c 'EXT4-fs error'")
    record(
        f"cut {cut}: the service is READY again, the database is intact",
        f"{boot_to_ready_s():.0f} s after the kernel's start; integrity {problems}; {kernel} file system errors",
        ok=up and problems == "ok" and kernel == "0",
    )
    if not up:
        print(journal())
    there = {f"{row.number} {row.name}" for row in rows()}
    lost = [line for line in lines(SEEN) if line not in there]
    record(f"cut {cut}: no row is lost", f"{len(lost)} of {len(lines(SEEN))} rows", ok=not lost)
    fed = {name: int(boot) for name, _, boot in (line.partition(" ") for line in lines(FED))}
    gone = fate_unknown(fed)
    until(lambda: not misplaced(fed, cut), PATIENCE_S)
    times, wrong = Counter(row.name for row in rows()), misplaced(fed, cut)
    wrong += [name for name in {*fed, *times} if times[name] != 1 and name not in wrong]
    before = {line.partition(" ")[2] for line in lines(SEEN)}
    after = len([name for name in fed if name not in before])
    record(
        f'cut {cut}, `after = "{AFTER[(cut - 1) % len(AFTER)]}"`: each file has one row, and is where it should be',
        f"{len(fed)} files, {after} of them new; {len(gone)} gone without a row; {len(wrong)} with "
        f"no row, two rows or in a wrong folder{': ' if wrong else ''}{' '.join(sorted(wrong)[:3])}",
        ok=not wrong and not gone,
    )


def fate_unknown(fed: dict[str, int]) -> list[str]:
    """Return files that are gone without a row. Reads the folder first: a file may get its row and go meanwhile."""
    there = set(os.listdir(INBOX))
    have = {row.name for row in rows()}
    return [name for name in fed if name not in there and name not in have]


def misplaced(fed: dict[str, int], cut: int) -> list[str]:
    """Return files that are not where the daemon should have put them, or not yet, or in two places."""
    places = {
        place: set(os.listdir(INBOX / place)) if (INBOX / place).exists() else set() for place in ("", "done", "failed")
    }
    have = {row.name: row for row in rows()}
    wrong = []
    for name, boot in fed.items():
        where = [place for place, names in places.items() if name in names]
        if name not in have or where != place_of(have[name], boot, cut):
            wrong.append(name)
    return wrong


def place_of(row: Row, boot: int, cut: int) -> list[str]:
    """Return the folders of a row's file when all is done; a kept file is moved after the next cut."""
    after = AFTER[boot % len(AFTER)]
    if after == "keep" and boot == cut - 1:
        return [""]
    if row.error:
        return ["failed"]
    return [] if after == "delete" else ["done"]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["verify", number]:
            verify(int(number))
        case ["write", number]:
            write(int(number))
        case _:
            sys.exit("cut.py verify CUT | cut.py write BOOT")
