"""Is there room for the network?"""

import re

from edgecls.doctor.check_result import CheckResult, ok, skipped, warning
from edgecls.doctor.target import Target

LEAST_MIB = 150
"""The daemon with EfficientNet-Lite0 int8 takes about 100, and more while it decodes a large photograph."""


def memory(target: Target) -> CheckResult:
    """Check the available memory, and whether the kernel killed processes for lack of it."""
    text = target.system.text("/proc/meminfo")
    if not text:
        return skipped("/proc/meminfo cannot be read")
    kib = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.MULTILINE)}
    mib = {name: kib.get(name, 0) // 1024 for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")}
    swap = (
        f"{mib['SwapTotal'] - mib['SwapFree']} of {mib['SwapTotal']} MiB of swap used"
        if mib["SwapTotal"]
        else "no swap"
    )
    message = f"{mib['MemAvailable']} of {mib['MemTotal']} MiB available, {swap}"
    if mib["MemAvailable"] < LEAST_MIB:
        return warning(
            f"{message}: edgecls needs about {LEAST_MIB}", "stop what is not needed, or add swap in memory (zram)"
        )
    killed = re.search(r"^oom_kill (\d+)", target.system.text("/proc/vmstat") or "", re.MULTILINE)
    if killed and int(killed[1]):
        return warning(
            f"{message}; {killed[1]} processes killed since the boot for want of it", "journalctl -k -g 'Out of memory'"
        )
    return ok(message)
