"""A camera for real: a second instance of the service looks through V4L2 at photographs, and the camera fails."""

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

from confinement import exposure
from evidence import SHARE, tell, until
from results import Row, rows
from unit import PATIENCE_S, active, journal, main_pid, restarts, said, start_to_ready_s
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
"""Of the unit with the camera's drop-in; docs/how-to/service.md gives the reasons for what stays open."""


def main() -> None:
    """Photographs first, then every fault that the driver can make."""
    said("systemctl", "stop", "edgecls.service")
    if wrong := plug_in():
        tell("vivid is there as /dev/video0", wrong, ok=False)
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
    # The driver ends a disconnect when the last of its users has closed it.
    fault("a disconnect", lambda: control("disconnect", 1), loses=True)
    fault("the driver unbound while it streams, bound 20 s later", unplugged, loses=True)
    unplug()
    unplugged_at_start()
    said("systemctl", "stop", UNIT)


def start() -> bool:
    """Install the instance as a user would, on the running system."""
    installed = said("sh", "-c", "/opt/edgecls/bin/edgecls service install gate --camera 2>&1")
    Path("/etc/edgecls/gate.toml").write_text(CONFIG)
    said("systemctl", "start", UNIT)
    up = until(lambda: active(UNIT), PATIENCE_S)
    tell("camera: the instance edgecls@gate reaches READY", f"{up and round(up)} s", ok=up is not None)
    if up is None:
        print(installed, journal(unit=UNIT))
        return False
    exposure(UNIT, SECURITY_LIMIT)
    return True


def photographs() -> None:
    """What is looped through the camera is what is classified, each in its turn: a picture that stood still would show."""
    expected = json.loads((SHARE / "frames.json").read_text())
    known, begun = len(seen()), time.monotonic()  # the first may show the driver's test picture

    def labels() -> list[str | None]:
        return [row.label for row in seen()[known:]]

    until(lambda: len(labels()) >= 10 and len(shown(labels(), expected)) >= 6, 10 * SHOWN_S * len(expected))
    found = labels()
    rate = len(found) / (time.monotonic() - begun)
    right, turns = sum(label in expected for label in found), shown(found, expected)
    tell(
        "camera: photographs are recognised through V4L2, in turn",
        f"{right} of {len(found)} rows are right; seen in turn: {', '.join(turns)}; {rate:.1f} rows/s",
        ok=len(found) >= 10 and right >= 0.9 * len(found) and len({*turns}) >= 3 and in_turn(turns, expected),
    )


def shown(labels: list[str | None], expected: list[str]) -> list[str]:
    """The labels that were expected, those of one picture taken together."""
    return [label for label, _ in itertools.groupby(label for label in labels if label in expected) if label]


def in_turn(turns: list[str], expected: list[str]) -> bool:
    """Whether most follow another as they are looped; where rows are slow, one may have been passed over."""
    steps = [expected.index(after) - expected.index(before) for before, after in itertools.pairwise(turns)]
    return sum(step % len(expected) == 1 for step in steps) > len(steps) / 2


def fault(name: str, cause: Callable[[], None], *, loses: bool) -> None:
    """Rows go on afterwards, by the same process; if the camera was lost, the log says so once, and once that it is back."""
    pid, log = main_pid(UNIT), len(journal(unit=UNIT).splitlines())
    cause()
    if loses:
        until(lambda: " is back " in "".join(journal(unit=UNIT).splitlines()[log:]), PATIENCE_S)
    before = len(seen())
    went_on = until(lambda: len(seen()) >= before + 3, PATIENCE_S)
    lines = journal(unit=UNIT).splitlines()[log:]
    told = sum("trying again" in line for line in lines)
    same = main_pid(UNIT) == pid and restarts(UNIT) == 0
    tell(
        f"camera: {name}",
        f"3 more rows after {went_on and round(went_on)} s; the same process: {same}; {'; '.join(lines)[:300]}",
        ok=went_on is not None and same and told == int(loses),
    )


def unplugged() -> None:
    """Pulled for as long as it takes to try again several times."""
    unplug()
    time.sleep(20)
    plug_back()


def unplugged_at_start() -> None:
    """A camera that is not there when the service starts is waited for."""
    said("systemctl", "restart", UNIT)
    up = until(lambda: active(UNIT), PATIENCE_S) is not None
    time.sleep(5)
    before = len(seen())
    plug_back()
    went_on = until(lambda: len(seen()) >= before + 3, PATIENCE_S)
    tell(
        "camera: missing at the start, then plugged in",
        f"READY {start_to_ready_s(UNIT):.0f} s after its start, without it; 3 rows {went_on and round(went_on)} s after it came",
        ok=up and went_on is not None and restarts(UNIT) == 0,
    )


def seen() -> list[Row]:
    """The instance's rows."""
    return rows(DATABASE)


if __name__ == "__main__":
    main()
