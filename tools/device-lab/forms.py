"""The two forms of the lab, as boots of the device and what is asked in each."""

import random
from collections.abc import Iterator

from host import timed
from machine import Boot, Cut, Machine
from report import Check, checks_from

CUTS = 20
_PYTHON = "python3 -B guest"


class Lab:
    """A device, what was found on it, and how long things took."""

    def __init__(self, machine: Machine, seconds: dict[str, float]) -> None:
        self._machine, self._seconds = machine, seconds
        self._told = 0

    def boot(self, what: str, *jobs: str, cut: Cut | None = None) -> Iterator[Check]:
        """Boot and run the jobs one after the other; what they told, and whether all ended as they should."""
        print(f"lab: boot: {what}", flush=True)
        with timed(what, self._seconds):
            boot = self._machine.boot(_one_line(jobs), cut=cut)
        told = checks_from(self._machine.share / "evidence")
        yield from told[self._told :]
        self._told = len(told)
        wanted = Boot("power cut" if cut else "power off", boot.seconds, None if cut else 0)
        if boot != wanted:
            yield Check(what, ok=False, seen=f"ended by {boot.ended}, job's exit code {boot.code}: {self._last_line()}")

    def _last_line(self) -> str:
        said = self._machine.share / "job.out"
        lines = said.read_text(errors="replace").splitlines() if said.exists() else []
        return lines[-1] if lines else "it said nothing; see console.log"


def _one_line(jobs: tuple[str, ...]) -> str:
    """Each runs, whatever became of the one before; the exit code is that of the last which failed."""
    return "; ".join(["code=0", *(f"{_PYTHON}/{job} || code=$?" for job in jobs), "exit $code"])


def short(lab: Lab, cuts: int = 1) -> Iterator[Check]:
    """What continuous integration runs."""
    yield from _boots(lab, cuts, ())


def full(lab: Lab, cuts: int = CUTS) -> Iterator[Check]:
    """Everything that only a device can show."""
    yield from _boots(lab, cuts, ("confinement.py", "runtimes.py", "camera.py"))


def _boots(lab: Lab, cuts: int, at_last: tuple[str, ...]) -> Iterator[Check]:
    """Each boot looks what the power cut before it has left, and then writes until the next, at a moment of its own."""
    moments = random.Random()
    for number in range(cuts + 1):
        first = f"cut.py verify {number}" if number else "serving.py"
        if number == cuts:
            yield from lab.boot(f"boot {number + 1}", first, *at_last)
        else:
            cut = Cut("writing", moments.uniform(0, 8))
            yield from lab.boot(f"boot {number + 1}, with a power cut", first, f"cut.py write {number}", cut=cut)
