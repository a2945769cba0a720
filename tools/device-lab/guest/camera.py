"""Test a real V4L2 camera: a second instance of the service classifies photographs, and the camera fails."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

from confinement import exposure
from evidence import SHARE, record, until
from results import Row, rows
from unit import PATIENCE_S, active, journal, main_pid, restarts, run, start_to_ready_s
from vivid import SHOWN_S, control, loop, plug_back, plug_in, unplug

UNIT = "edgecls@gate.service"
DATABASE = "/var/lib/edgecls/gate/results.db"
CONFIG = f"""database = "{DATABASE}"
[source]
type = "camera"
device = "/dev/video0"
width = 640
height = 480
interval_seconds = 1
stall_seconds = 20
reconnect_max_seconds = 4
"""
SECURITY_LIMIT = 2.0
"""Exposure limit of the unit with the camera's drop-in; docs/how-to/service.md explains what stays open."""


def main() -> None:
    """Classify photographs first, then cause every fault that the driver can simulate."""
    run("systemctl", "stop", "edgecls.service")
    if wrong := plug_in():
        record("vivid provides /dev/video0", wrong, ok=False)
        return
    looped = loop(SHARE / "frames.yuyv")
    if not start():
        return
    photographs()
    fault("60 % of the buffers dropped", lambda: control("percentage_of_dropped_buffers", 60), loses=False)
    control("percentage_of_dropped_buffers", 0)
    fault("a fatal streaming error", lambda: control("inject_fatal_streaming_error", 1), loses=True)
    looped.kill()
    looped.wait()
    # The driver ends a disconnect when its last user has closed it.
    fault("a disconnect", lambda: control("disconnect", 1), loses=True)
    fault("the driver unbound while it streams, bound 20 s later", unplugged, loses=True)
    unplug()
    unplugged_at_start()
    run("systemctl", "stop", UNIT)


def start() -> bool:
    """Install the instance as a user does, on the running system."""
    installed = run("sh", "-c", "/opt/edgecls/bin/edgecls service install gate --camera 2>&1")
    Path("/etc/edgecls/gate.toml").write_text(CONFIG)
    run("systemctl", "start", UNIT)
    up = until(lambda: active(UNIT), PATIENCE_S)
    record("camera: the instance edgecls@gate reaches READY", f"{up and round(up)} s", ok=up is not None)
    if up is None:
        print(installed, journal(unit=UNIT))
        return False
    exposure(UNIT, SECURITY_LIMIT)
    return True


def photographs() -> None:
    """Check that the photographs in the loop are classified in their order, which a frozen picture would not be."""
    expected = json.loads((SHARE / "frames.json").read_text())
    known, begun = len(seen()), time.monotonic()  # the first row may show the driver's test picture

    def labels() -> list[str | None]:
        return [row.label for row in seen()[known:]]

    until(lambda: len(labels()) >= 10 and len(shown(labels(), expected)) >= 6, 10 * SHOWN_S * len(expected))
    labels_seen = labels()
    rate = len(labels_seen) / (time.monotonic() - begun)
    right, turns = sum(label in expected for label in labels_seen), shown(labels_seen, expected)
    record(
        "camera: photographs are recognised through V4L2, in turn",
        f"{right} of {len(labels_seen)} rows are right; seen in turn: {', '.join(turns)}; {rate:.1f} rows/s",
        ok=len(labels_seen) >= 10
        and right >= 0.9 * len(labels_seen)
        and len({*turns}) >= 3
        and in_turn(turns, expected),
    )


def shown(labels: list[str | None], expected: list[str]) -> list[str]:
    """Return the expected labels in order, with repetitions of one picture merged."""
    return [label for label, _ in itertools.groupby(label for label in labels if label in expected) if label]


def in_turn(turns: list[str], expected: list[str]) -> bool:
    """Return whether most labels follow the order of the loop; a slow device may skip one."""
    steps = [expected.index(after) - expected.index(before) for before, after in itertools.pairwise(turns)]
    return sum(step % len(expected) == 1 for step in steps) > len(steps) / 2


def fault(name: str, cause: Callable[[], None], *, loses: bool) -> None:
    """Cause a fault and check that the same process continues, and logs the camera's loss and return once each."""
    pid, log = main_pid(UNIT), len(journal(unit=UNIT).splitlines())
    cause()
    if loses:
        until(lambda: " is back " in "".join(journal(unit=UNIT).splitlines()[log:]), PATIENCE_S)
    before = len(seen())
    went_on = until(lambda: len(seen()) >= before + 3, PATIENCE_S)
    lines = journal(unit=UNIT).splitlines()[log:]
    losses = sum("trying again" in line for line in lines)
    same = main_pid(UNIT) == pid and restarts(UNIT) == 0
    record(
        f"camera: {name}",
        f"3 more rows after {went_on and round(went_on)} s; the same process: {same}; {'; '.join(lines)[:300]}",
        ok=went_on is not None and same and losses == int(loses),
    )


def unplugged() -> None:
    """Unplug the camera for long enough that several retries fail."""
    unplug()
    time.sleep(20)
    plug_back()


def unplugged_at_start() -> None:
    """Check that the service waits for a camera that is missing at its start."""
    run("systemctl", "restart", UNIT)
    up = until(lambda: active(UNIT), PATIENCE_S) is not None
    time.sleep(5)
    before = len(seen())
    plug_back()
    went_on = until(lambda: len(seen()) >= before + 3, PATIENCE_S)
    record(
        "camera: missing at the start, then plugged in",
        f"READY {start_to_ready_s(UNIT):.0f} s after its start, without it; 3 rows {went_on and round(went_on)} s after it came",
        ok=up and went_on is not None and restarts(UNIT) == 0,
    )


def seen() -> list[Row]:
    """Return the rows of the instance."""
    return rows(DATABASE)


if __name__ == "__main__":
    main()
