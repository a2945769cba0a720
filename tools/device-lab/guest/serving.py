"""First boot: the service comes up by itself, classifies a folder, and is brought back from a hang and a kill."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

from evidence import SHARE, tell, until
from results import rows, times_seen
from unit import PATIENCE_S, active, boot_to_ready_s, journal, main_pid, restarts, said, show, start_to_ready_s

INBOX = Path("/var/lib/edgecls/inbox")
EXPECTED: dict[str, str | None] = json.loads((SHARE / "expected.json").read_text())
"""Label by file name, as the host's edgecls found it; null where it found the file damaged."""

BACKLOG = 20


def main() -> None:
    """Each step goes on where the one before has ended."""
    ready()
    installed()
    folder()
    examined()
    footprint()
    at_work()
    hang()
    killed()


def ready() -> None:
    """The boot has waited for the unit, READY or not."""
    until(active, PATIENCE_S)
    seen = f"{show('ActiveState')}, {boot_to_ready_s():.0f} s after the kernel's start, {start_to_ready_s():.0f} s after its own"
    tell("the service reaches READY", f"{seen}; {show('StatusText')}", ok=active() and restarts() == 0)
    if not active():
        print(journal())


def installed() -> None:
    """The image was made elsewhere: is what is in it what this edgecls would install?"""
    found = json.loads(said("/opt/edgecls/bin/edgecls", "service", "status", "--format", "json") or "[]")
    wrong = [f"{step['path']} {step['state']}" for step in found if step["state"] in {"missing", "other"}]
    tell(
        "`edgecls service status` finds all in place",
        ", ".join(wrong) or f"{len(found)} things",
        ok=bool(found) and not wrong,
    )


def folder() -> None:
    """Each file one row, with the label that the host found."""
    names = sorted(EXPECTED)
    for name in names:
        shutil.copy(SHARE / "images" / name, INBOX / name)
    waited = until(lambda: len(rows()) >= len(names), PATIENCE_S)
    found = {row.name: row.label for row in rows()}
    seen = f"{len(rows())} rows for {len(names)} files" + (f" after {waited:.0f} s" if waited else "")
    tell("a folder is classified, one row a file", seen, ok=once(names))
    different = [
        f"{name}: {found.get(name)}, not {EXPECTED[name]}" for name in names if found.get(name) != EXPECTED[name]
    ]
    tell("labels are those of the host", "; ".join(different) or f"{len(names)} of {len(names)}", ok=not different)
    damaged = [row.error for row in rows() if EXPECTED.get(row.name, "") is None]
    tell("a damaged file has a row that says so", "; ".join(map(str, damaged)), ok=bool(damaged) and all(damaged))


def examined() -> None:
    """What `edgecls doctor` finds on a machine on which all is well: warnings (a clock without a network), no failure."""
    found = json.loads(said("/opt/edgecls/bin/edgecls", "doctor", "--format", "json") or "[]")
    seen = {finding["check"]: f"{finding['check']} {finding['status']}: {finding['seen']}" for finding in found}
    failed = [seen[finding["check"]] for finding in found if finding["status"] == "failed"]
    well = [finding["check"] for finding in found if finding["status"] == "ok"]
    needed = {"numpy", "runtime", "OpenCV", "configuration", "model", "delegates", "database"} - set(well)
    wrong = failed or [seen.get(name, f"{name} is not told") for name in sorted(needed)]
    warned = ", ".join(finding["check"] for finding in found if finding["status"] == "warning")
    tell(
        "`edgecls doctor` finds nothing that has failed",
        "; ".join(wrong) or f"{len(well)} of {len(found)} ok; warnings: {warned or 'none'}; {seen.get('processor')}",
        ok=bool(found) and not wrong,
    )


def footprint() -> None:
    """Resident memory, and what it costs to wait: of the process, over a quarter of a minute without files."""
    begun, before = time.monotonic(), processor_s(main_pid())
    time.sleep(15)
    share = (processor_s(main_pid()) - before) / (time.monotonic() - begun)
    tell("memory and processor while idle", f"{resident_mib(main_pid())} MiB, {share:.1%} of an emulated core", ok=True)


def at_work() -> None:
    """The same while it has a backlog: from the first of its rows to the last."""
    known, whole = len(rows()), [name for name in sorted(EXPECTED) if EXPECTED[name]]
    for number in range(BACKLOG):
        shutil.copy(SHARE / "images" / whole[number % len(whole)], INBOX / f"work-{number}.jpg")
    until(lambda: len(rows()) > known, PATIENCE_S)
    pid, begun, used, first = main_pid(), time.monotonic(), processor_s(main_pid()), len(rows())
    most = 0

    def all_done() -> bool:
        nonlocal most
        most = max(most, resident_mib(pid))
        return len(rows()) >= known + BACKLOG

    done = until(all_done, PATIENCE_S) is not None
    seconds, used, made = time.monotonic() - begun, processor_s(pid) - used, len(rows()) - first
    tell(
        "memory and processor at work",
        f"{most} MiB at most, {used / seconds:.0%} of an emulated core; {made} rows in {seconds:.0f} s",
        ok=done and made > 0 and main_pid() == pid,
    )


def hang() -> None:
    """The whole process stands still, as in a driver that never returns. The watchdog of the unit has 60 s."""
    before, pid, begun = restarts(), main_pid(), time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: restarts() > before and active(), PATIENCE_S)
    waited = time.monotonic() - begun
    by_watchdog = "Watchdog timeout" in journal()
    seen = f"READY again {waited:.0f} s later, by the watchdog: {by_watchdog}; WatchdogUSec {show('WatchdogUSec')}"
    tell("a hang: systemd's watchdog restarts it", seen, ok=by_watchdog and active() and main_pid() != pid)
    known = sorted(times_seen())
    shutil.copy(SHARE / "images" / next(name for name in EXPECTED if EXPECTED[name]), INBOX / "after-hang.jpg")
    until(lambda: times_seen()["after-hang.jpg"] > 0, PATIENCE_S)
    tell("after the hang it goes on", f"{len(rows())} rows", ok=once([*known, "after-hang.jpg"]))


def killed() -> None:
    """`kill -9` while it has files to do."""
    known = sorted(times_seen())
    whole = [name for name in sorted(EXPECTED) if EXPECTED[name]]
    names = [f"killed-{number}.jpg" for number in range(6)]
    before, pid = restarts(), main_pid()
    for number, name in enumerate(names):
        shutil.copy(SHARE / "images" / whole[number % len(whole)], INBOX / name)
    until(lambda: len(rows()) > len(known), PATIENCE_S)
    done = len(rows()) - len(known)
    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    until(lambda: restarts() > before and active(), PATIENCE_S)
    waited = time.monotonic() - begun
    tell("`kill -9`: systemd restarts it", f"READY again {waited:.0f} s later", ok=active() and main_pid() != pid)
    until(lambda: len(rows()) >= len(known) + len(names), PATIENCE_S)
    time.sleep(5)  # for a row too many
    seen = f"killed after {done} of {len(names)} files; {len(rows())} rows"
    tell("after the kill each file has one row", seen, ok=once([*known, *names]))


def once(names: list[str]) -> bool:
    """Whether exactly these files have rows, each one."""
    return sorted(times_seen().elements()) == sorted(names)


def resident_mib(pid: int) -> int:
    """What the process has in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1024


def processor_s(pid: int) -> float:
    """Seconds of a core that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
