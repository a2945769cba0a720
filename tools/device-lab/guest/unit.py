"""The daemon's unit, as systemd sees it."""

import subprocess

UNIT = "edgecls.service"
PATIENCE_S = 900.0
"""For anything that a device does in a minute."""


def show(name: str, unit: str = UNIT) -> str:
    """A property of the unit."""
    return said("systemctl", "show", "--value", "-p", name, unit)


def active(unit: str = UNIT) -> bool:
    """Whether it has said READY."""
    return show("ActiveState", unit) == "active"


def main_pid(unit: str = UNIT) -> int:
    """Of the daemon; 0 if it does not run."""
    return int(show("MainPID", unit))


def restarts(unit: str = UNIT) -> int:
    """How often systemd has started it again."""
    return int(show("NRestarts", unit))


def boot_to_ready_s(unit: str = UNIT) -> float:
    """Seconds from the kernel's start to READY."""
    return int(show("ActiveEnterTimestampMonotonic", unit)) / 1e6


def start_to_ready_s(unit: str = UNIT) -> float:
    """Seconds from the start of its process to READY."""
    ready, started = show("ActiveEnterTimestampMonotonic", unit), show("ExecMainStartTimestampMonotonic", unit)
    return (int(ready) - int(started)) / 1e6


def journal(*arguments: str, unit: str = UNIT) -> str:
    """What the journal has of it."""
    return said("journalctl", "--no-pager", "-o", "cat", "-u", unit, *arguments)


def said(*command: str) -> str:
    """What a program says, whatever it ends with."""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
