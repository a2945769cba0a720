"""Requirements of the host: Debian programs, and a folder for downloads."""

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
    """The lab cannot continue. The message is one line."""


def check_programs() -> None:
    """Raise LabError if a program is missing or the user is not root."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise LabError(
            f"missing programs: {', '.join(missing)}; apt-get install --no-install-recommends {' '.join(PACKAGES)}",
        )
    if os.geteuid() != 0:
        raise LabError("the device's files belong to its own users, which only root may write: run this as root")


def default_cache() -> Path:
    """Return the cache folder: EDGECLS_LAB_CACHE, or a folder below the user's cache."""
    if named := os.environ.get("EDGECLS_LAB_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgecls-device-lab"


def run(*command: str | Path, log: Path | None = None, cwd: Path | None = None, stdin: bytes | None = None) -> None:
    """Run a program and append its output to `log`. Raises LabError with its last line if it fails."""
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
        lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no output"]
        raise LabError(f"{Path(str(command[0])).name} failed ({done.returncode}): {lines[-1]}")


def python311() -> str | None:
    """Return an interpreter of the device's Python version, which is Debian 12's; None if there is none."""
    candidates: Sequence[str | None] = (
        sys.executable if sys.version_info[:2] == (3, 11) else None,
        shutil.which("python3.11"),
    )
    return next(filter(None, candidates), None)


@contextmanager
def timed(step: str, into: dict[str, float]) -> Iterator[None]:
    """Record in `into` how many seconds the block took, and print it."""
    begun = time.monotonic()
    yield
    into[step] = time.monotonic() - begun
    print(f"lab: {step} {into[step]:.1f} s", flush=True)
