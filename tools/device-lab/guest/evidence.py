"""Record observations on the device for the host. Runs there, under Debian's own Python."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

SHARE = Path("/mnt/host")


def record(check: str, seen: str, *, ok: bool) -> None:
    """Print and store one check: its name, whether it passed, and the observed values."""
    print(f"{'ok' if ok else 'FAILED'}: {check}: {seen}")
    append("evidence", json.dumps({"check": check, "ok": ok, "seen": seen}))


def append(name: str, line: str) -> None:
    """Append a line to a file on the host, where a power cut does not lose it."""
    handle = os.open(SHARE / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, line.encode() + b"\n")
    finally:
        os.close(handle)


def lines(name: str) -> list[str]:
    """Return the lines of such a file; the last may be truncated. None without a file."""
    path = SHARE / name
    return [line for line in path.read_text().splitlines(keepends=False) if line] if path.exists() else []


def until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Wait for the condition and return the seconds that it took, or None after `seconds`."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.2)
    return None
