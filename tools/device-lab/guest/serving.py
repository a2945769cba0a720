"""First boot: the service starts by itself, classifies a folder, and recovers from a hang and a kill."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

from evidence import SHARE, record, until
from results import rows, times_seen
from unit import PATIENCE_S, active, boot_to_ready_s, journal, main_pid, restarts, run, show, start_to_ready_s

INBOX = Path("/var/lib/edgecls/inbox")
EXPECTED: dict[str, str | None] = json.loads((SHARE / "expected.json").read_text())
"""The host's label by file name; null for a damaged file."""

BACKLOG = 20


def main() -> None:
    """Run the steps; each continues where the one before ended."""
    ready()
    installed()
    folder()
    examined()
    footprint()
    at_work()
    hang()
    killed()


def ready() -> None:
    """Check that the service reaches READY."""
    until(active, PATIENCE_S)
    seen = f"{show('ActiveState')}, {boot_to_ready_s():.0f} s after the kernel's start, {start_to_ready_s():.0f} s after its own"
    record("the service reaches READY", f"{seen}; {show('StatusText')}", ok=active() and restarts() == 0)
    if not active():
        print(journal())


def installed() -> None:
    """Check that the files of this installation are those that `edgecls service install` writes."""
    steps = json.loads(run("/opt/edgecls/bin/edgecls", "service", "status", "--format", "json") or "[]")
    wrong = [f"{step['path']} {step['state']}" for step in steps if step["state"] in {"missing", "other"}]
    record(
        "`edgecls service status` reports no problem",
        ", ".join(wrong) or f"{len(steps)} items",
        ok=bool(steps) and not wrong,
    )


def folder() -> None:
    """Check that each file gets one row, with the label of the host."""
    names = sorted(EXPECTED)
    for name in names:
        shutil.copy(SHARE / "images" / name, INBOX / name)
    waited = until(lambda: len(rows()) >= len(names), PATIENCE_S)
    by_name = {row.name: row.label for row in rows()}
    seen = f"{len(rows())} rows for {len(names)} files" + (f" after {waited:.0f} s" if waited else "")
    record("a folder is classified, one row a file", seen, ok=once(names))
    different = [
        f"{name}: {by_name.get(name)}, not {EXPECTED[name]}" for name in names if by_name.get(name) != EXPECTED[name]
    ]
    record("labels are those of the host", "; ".join(different) or f"{len(names)} of {len(names)}", ok=not different)
    damaged = [row.error for row in rows() if EXPECTED.get(row.name, "") is None]
    record("a damaged file has a row with an error", "; ".join(map(str, damaged)), ok=bool(damaged) and all(damaged))


def examined() -> None:
    """Check that `edgecls doctor` fails nothing on a healthy machine; a clock without a network is a warning."""
    results = json.loads(run("/opt/edgecls/bin/edgecls", "doctor", "--format", "json") or "[]")
    seen = {result["check"]: f"{result['check']} {result['status']}: {result['message']}" for result in results}
    failed = [seen[result["check"]] for result in results if result["status"] == "failed"]
    well = [result["check"] for result in results if result["status"] == "ok"]
    needed = {"numpy", "runtime", "OpenCV", "configuration", "model", "delegates", "database"} - set(well)
    wrong = failed or [seen.get(name, f"{name} is missing") for name in sorted(needed)]
    warned = ", ".join(result["check"] for result in results if result["status"] == "warning")
    record(
        "`edgecls doctor` reports no failure",
        "; ".join(wrong) or f"{len(well)} of {len(results)} ok; warnings: {warned or 'none'}; {seen.get('processor')}",
        ok=bool(results) and not wrong,
    )


def footprint() -> None:
    """Record resident memory and CPU time of the idle process over 15 seconds."""
    begun, before = time.monotonic(), processor_s(main_pid())
    time.sleep(15)
    share = (processor_s(main_pid()) - before) / (time.monotonic() - begun)
    record(
        "memory and processor while idle", f"{resident_mib(main_pid())} MiB, {share:.1%} of an emulated core", ok=True
    )


def at_work() -> None:
    """Record the same during a backlog, from its first row to its last."""
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
    seconds, used, written = time.monotonic() - begun, processor_s(pid) - used, len(rows()) - first
    record(
        "memory and processor at work",
        f"{most} MiB at most, {used / seconds:.0%} of an emulated core; {written} rows in {seconds:.0f} s",
        ok=done and written > 0 and main_pid() == pid,
    )


def hang() -> None:
    """Stop the whole process, as in a driver that never returns. The unit's watchdog has 60 s."""
    before, pid, begun = restarts(), main_pid(), time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: restarts() > before and active(), PATIENCE_S)
    waited = time.monotonic() - begun
    by_watchdog = "Watchdog timeout" in journal()
    seen = f"READY again {waited:.0f} s later, by the watchdog: {by_watchdog}; WatchdogUSec {show('WatchdogUSec')}"
    record("a hang: systemd's watchdog restarts it", seen, ok=by_watchdog and active() and main_pid() != pid)
    known = sorted(times_seen())
    shutil.copy(SHARE / "images" / next(name for name in EXPECTED if EXPECTED[name]), INBOX / "after-hang.jpg")
    until(lambda: times_seen()["after-hang.jpg"] > 0, PATIENCE_S)
    record("after the hang it continues", f"{len(rows())} rows", ok=once([*known, "after-hang.jpg"]))


def killed() -> None:
    """Kill the daemon with `kill -9` while it has files to classify."""
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
    record("`kill -9`: systemd restarts it", f"READY again {waited:.0f} s later", ok=active() and main_pid() != pid)
    until(lambda: len(rows()) >= len(known) + len(names), PATIENCE_S)
    time.sleep(5)  # in case a second row comes
    seen = f"killed after {done} of {len(names)} files; {len(rows())} rows"
    record("after the kill each file has one row", seen, ok=once([*known, *names]))


def once(names: list[str]) -> bool:
    """Return whether exactly these files have a row, one each."""
    return sorted(times_seen().elements()) == sorted(names)


def resident_mib(pid: int) -> int:
    """Return the resident memory of the process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) // 1024


def processor_s(pid: int) -> float:
    """Return the CPU seconds that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
