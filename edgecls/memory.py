"""Find out how much memory this process may still take: by the machine, its control group and its resource limits."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edgecls import system

_OTHER = 32 * 2**20
"""Bytes reserved for everything else: files that wait, the log, SQLite."""
_GROUPS = Path("/sys/fs/cgroup")


class AvailableMemory(NamedTuple):
    """Memory that this process may still take."""

    size: int
    """bytes, 0 or more"""
    limit: str
    """the limit that applies, as a part of a sentence"""


def available_memory(proc: Path = Path("/proc"), groups: Path = _GROUPS) -> AvailableMemory:
    """Return how much memory this process can take in addition to what it has, by the tightest limit.

    Half of the machine's memory counts, whatever else is running: an answer that changes from minute to minute would
    refuse an image today that was classified yesterday. Of a control group's or `ulimit`'s limit, what this process has
    left counts. Swap does not. Systems without /proc (macOS, Windows) have no limit here.
    """
    used = _used(proc)
    limits = [
        AvailableMemory(size - used.get(kind, 0) - _OTHER, limit)
        for kind, size, limit in (*_group_limits(proc, groups), *_resource_limits())
    ]
    total = re.search(r"^MemTotal:\s+(\d+) kB", _text(proc / "meminfo"), re.MULTILINE)
    if total:
        limits.append(
            AvailableMemory(int(total[1]) * 1024 // 2, f"half of the memory of {_megabytes(int(total[1]) * 1024)}")
        )
    tightest = min(limits, default=AvailableMemory(2**63 - 1, "no limit"))
    return tightest._replace(size=max(tightest.size, 0))


def _used(proc: Path) -> dict[str, int]:
    """Return the bytes that this process uses, by kind: resident memory, addresses, data."""
    fields = [int(field) * system.page_bytes() for field in _text(proc / "self" / "statm").split()]
    return {"memory": fields[1], "addresses": fields[0], "data": fields[5]} if len(fields) > 5 else {}


def _resource_limits() -> Iterator[tuple[str, int, str]]:
    for option, size in system.memory_limits().items():
        kind = "addresses" if option == "-v" else "data"
        yield kind, size, f"the limit of {_megabytes(size)} (ulimit {option})"


def _group_limits(proc: Path, groups: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the limits of the process's control group and of all groups above it (cgroup versions 1 and 2)."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = groups / "memory" if controllers else groups
        names = ("memory.limit_in_bytes",) if controllers else ("memory.max", "memory.high")
        folder = top / path.lstrip("/")
        # In a container the path may be the host's: then the limit is in the top folder.
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
