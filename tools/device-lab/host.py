"""What the lab needs of the machine it runs on: programs of Debian, and a folder for what is downloaded."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = {
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "depmod": "kmod",
    "systemctl": "systemd",
    "systemd-sysusers": "systemd",
    "cpio": "cpio",
    "mke2fs": "e2fsprogs",
    "nbdkit": "nbdkit",
    "qemu-system-aarch64": "qemu-system-arm",
}
"""program -> the Debian package it is in."""
PACKAGES = (*sorted(set(PROGRAMS.values())), "ipxe-qemu")


class LabError(Exception):
    """The lab cannot go on; one line says why."""


def check_programs() -> None:
    """Raise LabError where something is missing."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise LabError(
            f"no {', '.join(missing)} here: apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        )
    if os.geteuid() != 0:
        raise LabError("the device's files belong to its own users, which only root may write: run this as root")


def default_cache() -> Path:
    """Below the user's cache folder; the environment variable EDGECLS_LAB_CACHE names another."""
    if named := os.environ.get("EDGECLS_LAB_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecls-device-lab"


def run(*command: str | Path, log: Path | None = None, cwd: Path | None = None, stdin: bytes | None = None) -> None:
    """Run a program; `log` is appended what it says. Raises LabError with its last line if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        cwd=cwd,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if log:
        with log.open("ab") as file:
            file.write(done.stdout)
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise LabError(f"{Path(str(command[0])).name} failed ({done.returncode}): {said[-1]}")


def python311() -> str | None:
    """An interpreter that compiles for the device's Python, which is Debian 12's; None if there is none here."""
    candidates: Sequence[str | None] = (
        sys.executable if sys.version_info[:2] == (3, 11) else None,
        shutil.which("python3.11"),
    )
    return next(filter(None, candidates), None)


@contextmanager
def timed(what: str, into: dict[str, float]) -> Iterator[None]:
    """Note how many seconds the block took, and say so."""
    begun = time.monotonic()
    yield
    into[what] = time.monotonic() - begun
    print(f"lab: {what} {into[what]:.1f} s", flush=True)
