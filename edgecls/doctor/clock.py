"""Check the system clock: a wrong one gives rows wrong times."""

import ctypes
from datetime import datetime, timezone
from pathlib import Path

from edgecls.database.clock.system_clock import UNSET_BEFORE
from edgecls.doctor.check_result import CheckResult, failed, ok, skipped, warning
from edgecls.doctor.target import Target

_SYNCHRONISED = "/run/systemd/timesync/synchronized"
"""systemd-timesyncd touches it once a server has told it the time (since the boot)."""
_TIME_ERROR = 5
_REMEDY = "sudo timedatectl set-ntp true, and a network; rows from before: edgecls clock"


def clock(target: Target) -> CheckResult:
    """Check that the clock is synchronized, or at least runs on a battery while the power is off."""
    now = datetime.now(timezone.utc)
    if now < UNSET_BEFORE:
        return failed(f"{now:%Y-%m-%d %H:%M} UTC: it was never set", _REMEDY)
    keeps = "a clock with a battery" if target.system.glob("/dev/rtc*") else "no clock with a battery"
    synchronized = _is_synchronised(target)
    if synchronized is None:
        return skipped(f"whether {now:%Y-%m-%d %H:%M} UTC is right is unknown; {keeps}", "timedatectl")
    if synchronized:
        return ok(f"synchronised; {keeps}")
    return warning(f"{now:%Y-%m-%d %H:%M} UTC, not synchronised; {keeps}", _REMEDY)


def _is_synchronised(target: Target) -> bool | None:
    """Return whether the clock is synchronised; None where systemd is missing, as in a container."""
    if target.system.path(_SYNCHRONISED).exists():
        return True
    answer = target.system.run_command("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if answer in ("yes", "no"):
        return answer == "yes"
    return _by_the_kernel() if target.system.root == Path("/") else None


def _by_the_kernel() -> bool | None:
    """`adjtimex` gives TIME_ERROR (5) for a clock that nobody disciplines, -1 where it may not be asked."""
    try:
        # Larger than `struct timex` (208 bytes) of any machine; zeros ask, and change nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
