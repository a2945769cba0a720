"""The daemon as a unit of systemd: installed, started at boot, running, watched?"""

import os
import re

from edgecls.doctor.check_result import CheckResult, failed, ok, skipped, warning
from edgecls.doctor.system import System
from edgecls.doctor.target import Target

_UNITS = "/etc/systemd/system"


def service(target: Target) -> CheckResult:
    """Check all edgecls units, and return the worst result."""
    system = target.system
    units = [f"{_UNITS}/edgecls.service"] if system.text(f"{_UNITS}/edgecls.service") is not None else []
    units += system.glob(f"{_UNITS}/multi-user.target.wants/edgecls@*.service")
    if not units:
        return skipped("no unit is installed", "edgecls service install")
    answers = [_unit(system, path) for path in units]
    return min(answers, key=lambda result: ("failed", "warning", "ok", "skipped").index(result.status.value))


def _unit(system: System, path: str) -> CheckResult:
    name = path.rpartition("/")[2]
    short = name.removesuffix(".service")
    if not any(os.path.lexists(system.path(f"{wants}/{name}")) for wants in system.glob(f"{_UNITS}/*.wants")):
        return warning(f"{name} is not started at boot", f"sudo systemctl enable {short}")
    properties = _unit_properties(system, name)
    watchdog = properties.get("WatchdogUSec") or _watchdog_of_file(system, name)
    message = f"{name}: started at boot, {f'watchdog {watchdog}' if watchdog not in (None, '0') else 'no watchdog'}"
    state = properties.get("ActiveState")
    if state == "failed":
        return failed(f"{message}; it has failed ({properties.get('Result')})", f"journalctl -u {short} -n 50")
    if state is None:
        return ok(f"{message}; systemd is not asked here")
    if state != "active":
        return warning(f"{message}; it is {state}", f"sudo systemctl start {short}")
    if properties.get("NRestarts", "0") not in ("0", ""):
        return warning(
            f"{message}; active, started again {properties['NRestarts']} times", f"journalctl -u {short} -p warning"
        )
    if watchdog in (None, "0"):
        return warning(f"{message}; active", "edgecls service install puts a unit in place that is watched")
    return ok(f"{message}; active")


def _unit_properties(system: System, unit: str) -> dict[str, str]:
    """Return the properties of a unit; none where the unit does not exist, or systemd does not run."""
    output = system.run_command("systemctl", "show", unit, "--property=ActiveState,Result,NRestarts,WatchdogUSec") or ""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def _watchdog_of_file(system: System, unit: str) -> str | None:
    file = re.sub(r"@.*[.]", "@.", unit)  # of several daemons, one file
    watchdog = re.search(r"^WatchdogSec=(.+)$", system.text(f"{_UNITS}/{file}") or "", re.MULTILINE)
    return f"{watchdog[1]} s" if watchdog else None
