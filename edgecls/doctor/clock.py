"""Rows are worth what their times are."""

import ctypes
from datetime import datetime, timezone
from pathlib import Path

from edgecls.doctor.answer import Answer, absent, failed, ok, warning
from edgecls.doctor.subject import Subject

_SYNCHRONISED = "/run/systemd/timesync/synchronized"
"""systemd-timesyncd touches it once a server has told it the time (since the boot)."""
_BEFORE_EDGECLS = 2024
_TIME_ERROR = 5
_REMEDY = "sudo timedatectl set-ntp true, and a network; rows from before: edgecls clock"


def clock(subject: Subject) -> Answer:
    """Whether a server has told the time, and, if none has, whether the clock lives on while the power is off."""
    now = datetime.now(timezone.utc)
    if now.year <= _BEFORE_EDGECLS:
        return failed(f"{now:%Y-%m-%d %H:%M} UTC: it was never set", _REMEDY)
    keeps = "a clock with a battery" if subject.system.glob("/dev/rtc*") else "no clock with a battery"
    told = _is_synchronised(subject)
    if told is None:
        return absent(f"whether {now:%Y-%m-%d %H:%M} UTC is right is not told; {keeps}", "timedatectl")
    if told:
        return ok(f"synchronised; {keeps}")
    return warning(f"{now:%Y-%m-%d %H:%M} UTC, not synchronised; {keeps}", _REMEDY)


def _is_synchronised(subject: Subject) -> bool | None:
    """None where nobody says: no systemd, as in a container."""
    if subject.system.path(_SYNCHRONISED).exists():
        return True
    said = subject.system.said("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if said in ("yes", "no"):
        return said == "yes"
    return _by_the_kernel() if subject.system.root == Path("/") else None


def _by_the_kernel() -> bool | None:
    """`adjtimex` gives TIME_ERROR (5) for a clock that nobody disciplines, -1 where it may not be asked."""
    try:
        # Larger than `struct timex` (208 bytes) of any machine; zeros ask, and change nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
