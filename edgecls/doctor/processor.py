"""Checks of the instructions and the clock rate of the processor."""

import re

from edgecls.doctor.check_result import CheckResult, ok, skipped, warning
from edgecls.doctor.system import System
from edgecls.doctor.target import Target

FEATURES = {
    "asimddp": "dot product", "i8mm": "int8 matrix multiply", "asimdhp": "float16", "sve": "SVE",
    "avx2": "AVX2", "avx_vnni": "AVX-VNNI", "avx512_vnni": "AVX-512 VNNI", "amx_int8": "AMX int8",
}  # fmt: skip
"""Flag in /proc/cpuinfo -> its usual name: the flags for which XNNPACK has int8 kernels."""
_ARM, _X86 = ("asimddp", "i8mm", "asimdhp"), ("avx2", "avx_vnni", "avx512_vnni")
"""Features whose absence is reported too."""
_CORES = {
    "0xd03": "Cortex-A53", "0xd04": "Cortex-A35", "0xd05": "Cortex-A55", "0xd07": "Cortex-A57", "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73", "0xd0a": "Cortex-A75", "0xd0b": "Cortex-A76", "0xd0c": "Neoverse-N1", "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78", "0xd42": "Cortex-A78AE", "0xd49": "Neoverse-N2", "0xc07": "Cortex-A7", "0xc0f": "Cortex-A15",
}  # fmt: skip
"""`CPU part` of Arm's own cores, by their reference manuals (MIDR_EL1)."""


_POLICIES = "/sys/devices/system/cpu/cpufreq/policy*"


def features(target: Target) -> CheckResult:
    """Report the int8 instructions of the processor; they explain its speed."""
    text = target.system.text("/proc/cpuinfo")
    if not text:
        return skipped("/proc/cpuinfo cannot be read")
    flags = set(re.findall(r"\S+", " ".join(re.findall(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE))))
    cores = len(re.findall(r"^processor\s*:", text, re.MULTILINE))
    expected = _ARM if re.search(r"^CPU implementer", text, re.MULTILINE) else _X86
    have = [name for flag, name in FEATURES.items() if flag in flags]
    lack = [FEATURES[flag] for flag in expected if flag not in flags]
    summary = f"{cores} x {_name(text)}: {', '.join(have) or 'none of the instructions for int8'}"
    return ok(summary + (f"; not {', '.join(lack)}" if lack else ""))


def _name(cpuinfo: str) -> str:
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    parts = dict.fromkeys(re.findall(r"^CPU part\s*:\s*(\S+)$", cpuinfo, re.MULTILINE))
    if parts:
        return " and ".join(_CORES.get(part, f"part {part}") for part in parts)
    return " ".join(named[1].split()) if named else "unknown core"


def governor(target: Target) -> CheckResult:
    """Check that the cores may run at their full clock rate."""
    system = target.system
    policies = system.glob(_POLICIES)
    message = [f"{name} ({_clock(system, policy)})" for policy in policies if (name := _governor(system, policy))]
    if not message:
        return skipped("the kernel does not control clock rates")
    summary = ", ".join(dict.fromkeys(message))
    slow = [
        policy for policy in policies if _governor(system, policy) == "powersave" and not _is_dynamic(system, policy)
    ]
    if slow:
        return warning(
            f"{summary}: the lowest clock rate, always",
            f"echo {_better(system, slow[0])} | sudo tee {_POLICIES}/scaling_governor",
        )
    capped = [policy for policy in policies if _share(system, policy) < 0.99]
    if capped:
        return warning(
            f"{summary}: kept under {_share(system, capped[0]):.0%} of what the cores can do",
            f"see who lowers {capped[0]}/scaling_max_freq (nvpmodel, a power profile, config.txt)",
        )
    return ok(summary)


def _governor(system: System, policy: str) -> str | None:
    return system.text(f"{policy}/scaling_governor")


def _is_dynamic(system: System, policy: str) -> bool:
    """Return whether the driver chooses the clock rate itself: its `powersave` is not the lowest rate."""
    driver = system.text(f"{policy}/scaling_driver") or ""
    return driver in ("intel_pstate", "amd-pstate-epp")


def _better(system: System, policy: str) -> str:
    """Return the governor to recommend, of those that this kernel has."""
    available = (system.text(f"{policy}/scaling_available_governors") or "").split()
    return next((name for name in ("schedutil", "ondemand") if name in available), "performance")


def _clock(system: System, policy: str) -> str:
    top = system.number(f"{policy}/scaling_max_freq")  # kHz
    return f"up to {top / 1000:.0f} MHz" if top else "clock rate unknown"


def _share(system: System, policy: str) -> float:
    allowed, possible = system.number(f"{policy}/scaling_max_freq"), system.number(f"{policy}/cpuinfo_max_freq")
    return allowed / possible if allowed and possible else 1.0
