"""Is the unit's confinement enforced? Its own start is made to try what it must not be able to do."""

import json
import re
import shutil
from pathlib import Path

from evidence import SHARE, tell, until
from unit import PATIENCE_S, active, journal, said

DROP_IN = Path("/run/systemd/system/edgecls.service.d/probe.conf")
PROBE = Path("/opt/probe.py")
OUTCOME = Path("/var/lib/edgecls/probe.json")
ALLOWED = "write to its own folder"


def main() -> None:
    """The daemon must also still start with it."""
    Path("/tmp/of-the-system").touch()
    Path("/home/someone").mkdir(parents=True, exist_ok=True)
    Path("/root/secret").touch()
    shutil.copy(SHARE / "guest/probe.py", PROBE)
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text(f"[Service]\nExecStartPre=/usr/bin/python3 -I {PROBE} {OUTCOME}\n")
    said("systemctl", "daemon-reload")
    said("systemctl", "restart", "edgecls.service")
    until(active, PATIENCE_S)
    if not OUTCOME.exists():
        tell("the probe ran within the unit", journal("-n", "5"), ok=False)
        return
    outcome = json.loads(OUTCOME.read_text())
    user = outcome.pop("user")
    for name, came in outcome.items():
        right = came == "did it" if name == ALLOWED else came.startswith("refused")
        tell(f"confined: {name}", came, ok=right)
    tell("confined: not root, and the daemon starts", f"user {user}, active: {active()}", ok=active() and user != "0")
    DROP_IN.unlink()
    said("systemctl", "daemon-reload")
    exposure("edgecls.service", 1.5)


def exposure(unit: str, limit: float) -> None:
    """What `systemd-analyze security` says of the unit, 0 to 10."""
    verdict = said("systemd-analyze", "security", "--no-pager", unit)
    found = re.search(r"exposure level for \S+: ([\d.]+)", verdict)
    score = float(found[1]) if found else 10.0
    tell(f"systemd-analyze security {unit}", f"{score} (limit {limit})", ok=score <= limit)


if __name__ == "__main__":
    main()
