"""Power cuts: `write` until the next, and `verify` what the last one has left.

What was put into the inbox, and which rows were seen in the database, is told to the host, whose files outlive the cut.
After each cut something else becomes of the files: moved, deleted, kept, and then moved again with what was kept.
"""

import itertools
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

from evidence import SHARE, append, lines, tell, until
from results import Row, integrity, rows
from unit import PATIENCE_S, UNIT, active, boot_to_ready_s, journal, said

CONFIG = Path("/etc/edgecls/edgecls.toml")
INBOX = Path("/var/lib/edgecls/inbox")
AFTER = ("move", "delete", "keep")
NAMED = "named"
FED = "fed"
SEEN = "seen"
WAITING = 5
"""Files in the inbox: enough that the daemon is never idle, not so many that the next boot has long to do."""


def write(boot: int) -> None:
    """Feed the inbox for ever; the sign to cut comes with this boot's first row."""
    until(active, PATIENCE_S)
    switch(AFTER[boot % len(AFTER)])
    images = sorted((SHARE / "images").glob("*.jpg"))
    before, told = len(rows()), len(lines(SEEN))
    for number in itertools.count(len(lines(NAMED))):
        name = f"cut-{number:05}.jpg"
        append(NAMED, name)  # should the power go before the file is told of, no other gets its name
        feed(images[number % len(images)], name)
        append(FED, f"{name} {boot}")
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


def switch(after: str) -> None:
    """Have the daemon do something else with its files, as its user would: edit the configuration, and reload."""
    told = journal("-b").count("reloaded: ")
    text, found = re.subn(r'^#?after = "\w+"', f'after = "{after}"', CONFIG.read_text(), flags=re.MULTILINE)
    put(CONFIG, text.encode())
    said("systemctl", "reload", UNIT)
    done = until(lambda: journal("-b").count("reloaded: ") > told, PATIENCE_S) is not None
    if not done or found != 1:
        tell(f"the daemon is told to {after}", journal("-n", "3"), ok=False)


def feed(image: Path, name: str) -> None:
    """As something that means it."""
    put(INBOX / name, image.read_bytes())


def put(path: Path, data: bytes) -> None:
    """The file is on the disk under its name before this returns."""
    making = path.with_name(f".{path.name}.part")
    making.write_bytes(data)
    flush(making)
    making.rename(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """A file's content, or a folder's names."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def verify(cut: int) -> None:
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
    fed = {name: int(boot) for name, _, boot in (line.partition(" ") for line in lines(FED))}
    gone = fate_unknown(fed)
    until(lambda: not misplaced(fed, cut), PATIENCE_S)
    times, wrong = Counter(row.name for row in rows()), misplaced(fed, cut)
    wrong += [name for name in {*fed, *times} if times[name] != 1 and name not in wrong]
    before = {line.partition(" ")[2] for line in lines(SEEN)}
    after = len([name for name in fed if name not in before])
    tell(
        f'cut {cut}, `after = "{AFTER[(cut - 1) % len(AFTER)]}"`: each file has one row, and is where it should be',
        f"{len(fed)} files, {after} of them not seen classified before; {len(gone)} gone without a row; {len(wrong)} with "
        f"no row or two, or elsewhere{': ' if wrong else ''}{' '.join(sorted(wrong)[:3])}",
        ok=not wrong and not gone,
    )


def fate_unknown(fed: dict[str, int]) -> list[str]:
    """Files that are gone and have no row. The folder is read first: a file may get its row, and go, meanwhile."""
    there = set(os.listdir(INBOX))
    have = {row.name for row in rows()}
    return [name for name in fed if name not in there and name not in have]


def misplaced(fed: dict[str, int], cut: int) -> list[str]:
    """Files that are not, or not yet, where the daemon should have put them; one that is in two places is one of them."""
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
    """Where the file of a row is once all is done; what was kept is moved after the next cut."""
    after = AFTER[boot % len(AFTER)]
    if after == "delete":
        return []
    if after == "keep" and boot == cut - 1:
        return [""]
    return ["failed" if row.error else "done"]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["verify", number]:
            verify(int(number))
        case ["write", number]:
            write(int(number))
        case _:
            sys.exit("cut.py verify CUT | cut.py write BOOT")
