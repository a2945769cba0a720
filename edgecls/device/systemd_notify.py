"""What systemd is told, by its own protocol: lines of NAME=VALUE in a datagram (sd_notify(3)).

A dozen lines, and so written here: the package sdnotify does the same and has not changed since 2017, and
systemd-python needs a compiler on the device.
"""

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Sends states to the service manager that listens at `address`; without one it does nothing.

    A state that cannot be sent is dropped: that the manager has gone is no reason for a daemon to stop.
    """

    def __init__(self, address: str | None) -> None:
        # A leading @ stands for the null byte of Linux's abstract names.
        self._address = f"\0{address[1:]}" if address and address[0] == "@" else address

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """By NOTIFY_SOCKET, which a unit of Type=notify sets."""
        return cls(environment.get("NOTIFY_SOCKET") or None)

    def send(self, **states: str | int) -> None:
        """Send NAME=VALUE for each: `send(READY=1, STATUS="12 rows")`. A value is one line."""
        if self._address is None:
            return
        message = "\n".join(f"{name}={value}" for name, value in states.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(1)  # a manager that hangs must not hang us
            try:
                sock.connect(self._address)  # only then does waiting for a full queue not spin
                sock.send(message.encode("utf-8", "replace"))
            except OSError:
                return

    def reloading(self) -> None:
        """A reload begins; `send(READY=1)` ends it. systemd wants the time of the message, to match it with SIGHUP."""
        self.send(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)


def watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """After how long without WATCHDOG=1 systemd takes this process for stuck; None where it does not watch it."""
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
        watched = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 and watched == os.getpid() else None
