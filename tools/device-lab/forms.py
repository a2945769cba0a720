"""The two forms of the lab, each a series of boots with their jobs."""

import random
from collections.abc import Iterator

from host import timed
from machine import Boot, Cut, Machine
from report import Check, checks_from

CUTS = 20
_PYTHON = "python3 -B guest"


class Lab:
    """A device, the checks so far, and the seconds that each step took."""

    def __init__(self, machine: Machine, seconds: dict[str, float]) -> None:
        self._machine, self._seconds = machine, seconds
        self._reported = 0

    def boot(self, name: str, *jobs: str, cut: Cut | None = None) -> Iterator[Check]:
        """Boot, run the jobs one after the other, and yield their checks; one more if they did not end as expected."""
        print(f"lab: boot: {name}", flush=True)
        with timed(name, self._seconds):
            boot = self._machine.boot(_one_line(jobs), cut=cut)
        checks = checks_from(self._machine.share / "evidence")
        yield from checks[self._reported :]
        self._reported = len(checks)
        expected = Boot("power cut" if cut else "power off", boot.seconds, None if cut else 0)
        if boot != expected:
            yield Check(name, ok=False, seen=f"ended by {boot.ended}, job's exit code {boot.code}: {self._last_line()}")

    def _last_line(self) -> str:
        output = self._machine.share / "job.out"
        lines = output.read_text(errors="replace").splitlines() if output.exists() else []
        return lines[-1] if lines else "no output; see console.log"


def _one_line(jobs: tuple[str, ...]) -> str:
    """Return a shell line that runs every job; its exit code is that of the last job that failed."""
    return "; ".join(["code=0", *(f"{_PYTHON}/{job} || code=$?" for job in jobs), "exit $code"])


def short(lab: Lab, cuts: int = 1) -> Iterator[Check]:
    """Run the form for continuous integration."""
    yield from _boots(lab, cuts, ())


def full(lab: Lab, cuts: int = CUTS) -> Iterator[Check]:
    """Run everything that only a device can show."""
    yield from _boots(lab, cuts, ("confinement.py", "runtimes.py", "camera.py"))


def _boots(lab: Lab, cuts: int, at_last: tuple[str, ...]) -> Iterator[Check]:
    """Verify in each boot what the power cut before left, then write until the next cut, at a random moment."""
    moments = random.Random()
    for number in range(cuts + 1):
        first = f"cut.py verify {number}" if number else "serving.py"
        if number == cuts:
            yield from lab.boot(f"boot {number + 1}", first, *at_last)
        else:
            cut = Cut("writing", moments.uniform(0, 8))
            yield from lab.boot(f"boot {number + 1}, with a power cut", first, f"cut.py write {number}", cut=cut)
