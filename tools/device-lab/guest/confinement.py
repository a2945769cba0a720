"""Check that the unit's confinement is enforced: a probe in its start tries what it must not be able to do."""

import json
import re
import shutil
from pathlib import Path

from evidence import SHARE, record, until
from unit import PATIENCE_S, active, journal, run

DROP_IN = Path("/run/systemd/system/edgecls.service.d/probe.conf")
PROBE = Path("/opt/probe.py")
OUTCOME = Path("/var/lib/edgecls/probe.json")
ALLOWED = "write to its own folder"


def main() -> None:
    """Run the probe; the daemon must still start with it."""
    Path("/tmp/of-the-system").touch()
    Path("/home/someone").mkdir(parents=True, exist_ok=True)
    Path("/root/secret").touch()
    shutil.copy(SHARE / "guest/probe.py", PROBE)
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text(f"[Service]\nExecStartPre=/usr/bin/python3 -I {PROBE} {OUTCOME}\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "edgecls.service")
    until(active, PATIENCE_S)
    if not OUTCOME.exists():
        record("the probe ran within the unit", journal("-n", "5"), ok=False)
        return
    outcome = json.loads(OUTCOME.read_text())
    user = outcome.pop("user")
    for name, result in outcome.items():
        ok = result == "succeeded" if name == ALLOWED else result.startswith("refused")
        record(f"confined: {name}", result, ok=ok)
    record("confined: not root, and the daemon starts", f"user {user}, active: {active()}", ok=active() and user != "0")
    DROP_IN.unlink()
    run("systemctl", "daemon-reload")
    exposure("edgecls.service", 1.5)


def exposure(unit: str, limit: float) -> None:
    """Check the score of `systemd-analyze security` for the unit, 0 to 10."""
    verdict = run("systemd-analyze", "security", "--no-pager", unit)
    level = re.search(r"exposure level for \S+: ([\d.]+)", verdict)
    score = float(level[1]) if level else 10.0
    record(f"systemd-analyze security {unit}", f"{score} (limit {limit})", ok=score <= limit)


if __name__ == "__main__":
    main()
