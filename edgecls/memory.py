"""How much memory this process may still take, told by the machine, its control group and its resource limits."""

import os
import re
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_OTHER = 32 * 2**20
"""Bytes that are left for all else: files that wait for their turn, the log, SQLite."""
_GROUPS = Path("/sys/fs/cgroup")


class Room(NamedTuple):
    """Memory that is left."""

    size: int
    """bytes; 0 at least"""
    limit: str
    """what sets it, in words"""


def room(proc: Path = Path("/proc"), groups: Path = _GROUPS) -> Room:
    """Return what this process can take in addition to what it has, by the tightest limit.

    Of the machine's memory half counts, whatever else runs by now: an answer that changes from minute to minute would
    refuse a picture today that was classified yesterday. Of a limit of a control group or of `ulimit` counts what this
    process has left. Swap is not counted.
    """
    used = _used(proc)
    limits = [
        Room(size - used.get(kind, 0) - _OTHER, limit)
        for kind, size, limit in (*_of_groups(proc, groups), *_of_resources())
    ]
    total = re.search(r"^MemTotal:\s+(\d+) kB", _text(proc / "meminfo"), re.MULTILINE)
    if total:
        limits.append(Room(int(total[1]) * 1024 // 2, f"half of the memory of {_megabytes(int(total[1]) * 1024)}"))
    tightest = min(limits, default=Room(2**63 - 1, "no limit"))
    return tightest._replace(size=max(tightest.size, 0))


def _used(proc: Path) -> dict[str, int]:
    """Bytes of this process by kind: in memory, of addresses, of data."""
    fields = [int(field) * _PAGE for field in _text(proc / "self" / "statm").split()]
    return {"memory": fields[1], "addresses": fields[0], "data": fields[5]} if len(fields) > 5 else {}


def _of_resources() -> Iterator[tuple[str, int, str]]:
    for kind, number, option in (("addresses", resource.RLIMIT_AS, "-v"), ("data", resource.RLIMIT_DATA, "-d")):
        size = resource.getrlimit(number)[0]
        if size != resource.RLIM_INFINITY:
            yield kind, size, f"the limit of {_megabytes(size)} (ulimit {option})"


def _of_groups(proc: Path, groups: Path) -> Iterator[tuple[str, int, str]]:
    """Limits of the process's control group and of all above it: each holds. Of version 2, and of version 1."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = groups / "memory" if controllers else groups
        names = ("memory.limit_in_bytes",) if controllers else ("memory.max", "memory.high")
        folder = top / path.lstrip("/")
        # In a container the path may be the host's: then the limit stands at the top.
        for group in (folder, *(each for each in folder.parents if each.is_relative_to(top))):
            for name in names:
                size = _text(group / name).strip()
                if size.isdigit():  # else "max"
                    yield "memory", int(size), f"the limit of {_megabytes(int(size))} ({group.name or '/'}, {name})"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
