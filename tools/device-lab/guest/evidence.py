"""What is found on the device, told to the host. Runs there, under Debian's own Python."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

SHARE = Path("/mnt/host")


def tell(check: str, seen: str, *, ok: bool) -> None:
    """One line for the report: what was checked, whether it holds, and what was seen."""
    print(f"{'ok' if ok else 'FAILED'}: {check}: {seen}")
    append("evidence", json.dumps({"check": check, "ok": ok, "seen": seen}))


def append(name: str, line: str) -> None:
    """A line in a file of the host, which a power cut does not take back."""
    handle = os.open(SHARE / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, line.encode() + b"\n")
    finally:
        os.close(handle)


def lines(name: str) -> list[str]:
    """Of such a file; none if there is none. The last may have been cut."""
    path = SHARE / name
    return [line for line in path.read_text().splitlines(keepends=False) if line] if path.exists() else []


def until(true: Callable[[], bool], seconds: float) -> float | None:
    """Wait until it is true; after how many seconds, or None if it is still not true after `seconds`."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if true():
            return time.monotonic() - begun
        time.sleep(0.2)
    return None
