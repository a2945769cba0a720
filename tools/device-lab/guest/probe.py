"""Try what a compromised daemon might try, within its unit; write the result of each attempt as JSON.

systemd runs it before the daemon, with the same user and the same confinement. All attempts but the last must fail.
"""

import ctypes
import json
import mmap
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_USER_NAMESPACE = 0x10000000
_PERSONALITY_READ_IMPLIES_EXEC = 0x0400000
STATE = Path("/var/lib/edgecls")


def libc(name: str, *arguments: object) -> object:
    """Call the C library; raise OSError if it returns -1."""
    if getattr(_LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "it worked"


def write(path: str) -> Callable[[], object]:
    """Return an attempt to write to a file, new or existing."""

    def attempt() -> object:
        with open(path, "w") as file:
            return file.write("1")

    return attempt


def seen(path: str) -> Callable[[], object]:
    """Return an attempt to see a file or a folder's content."""

    def attempt() -> object:
        entries = os.listdir(path) if os.path.isdir(path) else [path] if os.path.exists(path) else []
        if not entries:
            raise FileNotFoundError("nothing is visible")
        return entries

    return attempt


def make_setuid_file() -> object:
    """Create a program that would run as the service's user for anyone who starts it."""
    path = STATE / "setuid"
    path.touch()
    try:
        path.chmod(0o4755)
        return "it worked"
    finally:
        path.unlink()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write to /usr": write("/usr/probe"),
    "write to /etc": write("/etc/probe"),
    "write to its own program": write("/opt/edgecls/bin/edgecls"),
    "write to its own configuration": write("/etc/edgecls/edgecls.toml"),
    "write elsewhere in /var/lib": write("/var/lib/probe"),
    "see /home": seen("/home"),
    "see /root": seen("/root"),
    "see the system's /tmp": seen("/tmp/of-the-system"),
    "see process 1": seen("/proc/1"),
    "open the disk": lambda: os.open("/dev/vda", os.O_RDONLY),
    "open the console's memory": lambda: os.open("/dev/mem", os.O_RDONLY),
    "make an IP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "make a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "make a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "map memory to write and execute": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    ),
    "become root": lambda: os.setuid(0),
    "make a user namespace": lambda: libc("unshare", _NEW_USER_NAMESPACE),
    "mount": lambda: libc("mount", b"none", b"/var/lib/edgecls", b"tmpfs", 0, None),
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
    "set the host's name": lambda: socket.sethostname("probe"),
    "set a kernel setting": write("/proc/sys/kernel/panic"),
    "read the kernel's log": lambda: libc("klogctl", 3, ctypes.create_string_buffer(64), 64),
    "write to a control group": write("/sys/fs/cgroup/cgroup.procs"),
    "schedule as real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "change its personality": lambda: libc("personality", _PERSONALITY_READ_IMPLIES_EXEC),
    "make a setuid file": make_setuid_file,
    "write to its own folder": write(str(STATE / "probe.txt")),
}


def attempted(attempt: Callable[[], object]) -> str:
    """Return `succeeded`, or why the attempt failed."""
    try:
        attempt()
    except OSError as error:
        return f"refused: {error.strerror or error}"
    return "succeeded"


if __name__ == "__main__":
    outcome = {name: attempted(attempt) for name, attempt in ATTEMPTS.items()}
    outcome["user"] = str(os.getuid())
    Path(sys.argv[1]).write_text(json.dumps(outcome))
