"""The state of the daemon's unit in systemd."""

import subprocess

UNIT = "edgecls.service"
PATIENCE_S = 900.0
"""Time limit for a step that takes a minute on a real device."""


def show(name: str, unit: str = UNIT) -> str:
    """Return a property of the unit."""
    return run("systemctl", "show", "--value", "-p", name, unit)


def active(unit: str = UNIT) -> bool:
    """Return whether the unit has reached READY."""
    return show("ActiveState", unit) == "active"


def main_pid(unit: str = UNIT) -> int:
    """Return the process id of the daemon; 0 if it does not run."""
    return int(show("MainPID", unit))


def restarts(unit: str = UNIT) -> int:
    """Return how often systemd has restarted it."""
    return int(show("NRestarts", unit))


def boot_to_ready_s(unit: str = UNIT) -> float:
    """Return the seconds from the kernel's start to READY."""
    return int(show("ActiveEnterTimestampMonotonic", unit)) / 1e6


def start_to_ready_s(unit: str = UNIT) -> float:
    """Return the seconds from the start of the process to READY."""
    ready, started = show("ActiveEnterTimestampMonotonic", unit), show("ExecMainStartTimestampMonotonic", unit)
    return (int(ready) - int(started)) / 1e6


def journal(*arguments: str, unit: str = UNIT) -> str:
    """Return the journal of the unit."""
    return run("journalctl", "--no-pager", "-o", "cat", "-u", unit, *arguments)


def run(*command: str) -> str:
    """Run a program and return its output, at any exit code."""
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
