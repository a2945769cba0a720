"""Tell systemd how the daemon is, by sd_notify(3): lines of NAME=VALUE in a datagram.

The package sdnotify does the same and has not changed since 2017; systemd-python needs a compiler on the device.
"""

import math
import os
import socket
import time
from collections.abc import Callable, Mapping

LONGEST_PAUSE_S = 1.0
"""Between two pings: far less than half of any sensible WatchdogSec=, so that one step may take nearly all of that."""
EXTENSION_S = 60
"""The time by which each progress report extends systemd's wait for READY=1."""


class Notifier:
    """Send states to the service manager that listens at `address`; without an address, do nothing.

    A state that cannot be sent is dropped: a manager that has gone is no reason for the daemon to stop.
    """

    def __init__(self, address: str | None) -> None:
        # A leading @ stands for the null byte of Linux's abstract names.
        self._address = f"\0{address[1:]}" if address and address[0] == "@" else address

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Notifier":
        """Return the notifier for NOTIFY_SOCKET, which a unit of Type=notify sets."""
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
        """Announce a reload, which READY=1 ends. systemd needs the time of the message, to match it with SIGHUP."""
        self.send(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)


def watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Return after how long without WATCHDOG=1 systemd restarts this process; None if it does not watch it."""
    try:
        microseconds = int(environment.get("WATCHDOG_USEC", ""))
        watched = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 and watched == os.getpid() else None


class Heartbeat:
    """Ping systemd's watchdog, with the status, whenever the daemon makes progress.

    There is no thread for this, and must not be: it would go on while the daemon hangs. If the interpreter, a decoder, the
    disk or a source hangs, the pings end, and systemd restarts the service.
    """

    def __init__(
        self, notifier: Notifier, watchdog: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`watchdog`: systemd's WatchdogSec= [s]; None if it does not watch."""
        self._notifier, self._clock = notifier, clock
        self._pause = LONGEST_PAUSE_S if watchdog is None else min(LONGEST_PAUSE_S, watchdog / 4)
        self._next = -math.inf

    def beat(self, status: object) -> None:
        """Report progress. At most one ping per pause is sent, with the text of `status`."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._pause
        self._notifier.send(WATCHDOG=1, STATUS=str(status))

    def extend_timeout(self, status: str) -> None:
        """Report that the daemon waits, in a start or a reload perhaps, which may take longer than systemd would wait."""
        self._notifier.send(EXTEND_TIMEOUT_USEC=EXTENSION_S * 1_000_000)
        self.beat(status)
