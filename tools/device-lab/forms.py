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


def short(lab: Lab) -> Iterator[Check]:
    """What continuous integration runs."""
    yield from lab.boot("the service, a folder, a hang, a kill", "serving.py")
    yield from power_cuts(lab, 1)


def full(lab: Lab) -> Iterator[Check]:
    """Everything that only a device can show."""
    yield from lab.boot("the service, a folder, a hang, a kill", "serving.py")
    yield from lab.boot("confinement, runtimes, camera", "confinement.py", "runtimes.py", "camera.py")
    yield from power_cuts(lab, CUTS)


def power_cuts(lab: Lab, count: int) -> Iterator[Check]:
    """So many, each at a moment of its own; every boot but the first looks what the cut before has left."""
    moments = random.Random()
    for number in range(count + 1):
        before = str(number) if number else "first"
        after_s = moments.uniform(0, 8)
        if number == count:
            yield from lab.boot(f"after power cut {number}", f"cut.py {before}")
        else:
            job = f"cut.py {before} write"
            yield from lab.boot(f"power cut {number + 1}", job, cut=Cut("writing", after_s))
