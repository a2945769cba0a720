"""Too warm, or too little power: what makes a small computer slow, or wrong."""

from edgecls.doctor.check_result import CheckResult, Status, ok, skipped, warning
from edgecls.doctor.system import System
from edgecls.doctor.target import Target

WARM_C = 80.0
"""A Raspberry Pi lowers its clock from here on; most others do so a few degrees later."""

_PI = {0: "too little voltage", 1: "clock rate capped", 2: "throttled", 3: "at its soft limit of temperature"}
"""Bits of the firmware's result: as they are now, and 16 higher, since the boot (Raspberry Pi's documentation, vcgencmd)."""
_SINCE_BOOT = 16
_FIRMWARE = "/sys/devices/platform/soc/soc:firmware/get_throttled"
_POWER = "the power supply or its cable is too weak: use the one that the board's maker names"
_COOL = "a heat sink, a fan, or a place that is not so warm"


def throttling(target: Target) -> CheckResult:
    """Check whether firmware or kernel slowed the cores down, on a Raspberry Pi, a Jetson, x86, or by any kernel counter."""
    system = target.system
    answers = [result for look in (_raspberry_pi, _jetson, _x86, _cooling) if (result := look(system))]
    if not answers:
        return skipped("no source of throttling events")
    worst = [result for result in answers if result.status is not Status.ok]
    return next((result for result in worst if result.status is Status.failed), (worst or answers)[0])


def _raspberry_pi(system: System) -> CheckResult | None:
    flags = system.text(_FIRMWARE) or (system.run_command("vcgencmd", "get_throttled") or "").partition("=")[2]
    try:
        bits = int(flags, 16)
    except ValueError:
        return None
    now = [what for bit, what in _PI.items() if bits >> bit & 1]
    before = [what for bit, what in _PI.items() if bits >> bit + _SINCE_BOOT & 1]
    fix = _POWER if _PI[0] in [*now, *before] else _COOL
    if _PI[0] in now:  # what breaks cards and databases
        return CheckResult(Status.failed, f"now: {', '.join(now)}", fix)
    if now:
        return warning(f"now: {', '.join(now)}", fix)
    return warning(f"since the boot: {', '.join(before)}", fix) if before else ok("none since the boot")


def _jetson(system: System) -> CheckResult | None:
    """Over-current events, counted since the boot."""
    counters = system.glob("/sys/class/hwmon/hwmon*/oc*_event_cnt")
    if not counters:
        return None
    events = sum(system.number(path) or 0 for path in counters)
    return warning(f"{events} times too much current since the boot", _POWER) if events else ok("none since the boot")


def _x86(system: System) -> CheckResult | None:
    counters = system.glob("/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count")
    if not counters:
        return None
    times = max(system.number(path) or 0 for path in counters)
    return (
        warning(f"a core was slowed down {times} times since the boot", _COOL) if times else ok("none since the boot")
    )


def _cooling(system: System) -> CheckResult | None:
    """Describe how the kernel is limiting clock rates because of heat."""
    devices = [path for path in system.glob("/sys/class/thermal/cooling_device*") if _lowers_clock(system, path)]
    if not devices:
        return None
    active = any(system.number(f"{path}/cur_state") for path in devices)
    return warning("now: the kernel lowers the clock rate because of heat", _COOL) if active else ok("none now")


def _lowers_clock(system: System, device: str) -> bool:
    return "cpufreq" in (system.text(f"{device}/type") or "")


def temperature(target: Target) -> CheckResult:
    """Check the highest temperature that the kernel measures."""
    zones = [(degrees, name) for path in target.system.glob("/sys/class/thermal/thermal_zone*")
             if (degrees := _degrees(target.system, path)) is not None
             and "PMIC" not in (name := target.system.text(f"{path}/type") or path)]  # fmt: skip
    if not zones:
        return skipped("no temperature sensor")
    degrees, name = max(zones)
    message = f"{degrees:.0f} C ({name})"
    return (
        warning(f"{message}: cores slow down from about {WARM_C:.0f} C on", _COOL) if degrees >= WARM_C else ok(message)
    )


def _degrees(system: System, zone: str) -> float | None:
    """Degrees Celsius of a zone; sensors that are switched off give errors, or values of no place on Earth."""
    thousandths = system.number(f"{zone}/temp")
    return thousandths / 1000 if thousandths is not None and -60_000 < thousandths < 200_000 else None
