"""The two forms of the lab, as boots of the device and what is asked in each."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from host import LabError, timed
from machine import Boot, Cut, Machine
from report import Check, checks_from

GUEST = Path(__file__).with_name("guest")
_PYTHON = "python3 -B guest"


class Lab:
    """A device, what was found on it, and how long things took."""

    def __init__(self, machine: Machine, seconds: dict[str, float]) -> None:
        self._machine, self._seconds = machine, seconds
        self._told = 0

    def boot(self, what: str, job: str, *, cut: Cut | None = None) -> Iterator[Check]:
        """Boot for one job; what it told, and whether it ended as it should."""
        print(f"lab: boot: {what}", flush=True)
        with timed(what, self._seconds):
            boot = self._machine.boot(f"{_PYTHON}/{job}", cut=cut)
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


def prepare_share(share: Path, source: Path) -> None:
    """The device's programs, pictures, and what the host's edgecls says to them."""
    shutil.rmtree(share, ignore_errors=True)
    (share / "images").mkdir(parents=True)
    shutil.copytree(GUEST, share / "guest", ignore=shutil.ignore_patterns("__pycache__"))
    for number, image in enumerate(golden_images(source)):
        (share / "images" / f"golden-{number}.jpg").write_bytes(image)
    whole = sorted((share / "images").iterdir())
    expected: dict[str, str | None] = labels(source, whole)
    data = whole[0].read_bytes()
    (share / "images" / "truncated.jpg").write_bytes(data[: len(data) // 2])
    expected["truncated.jpg"] = None
    (share / "expected.json").write_text(json.dumps(expected))


def golden_images(source: Path) -> list[bytes]:
    """Those that the shipped model carries: small photographs."""
    from edgecls.model_file import read_model

    (model,) = (source / "models").glob("*.tflite")
    return [example.image for example in read_model(model).golden]


def labels(source: Path, images: list[Path]) -> dict[str, str | None]:
    """By file name, as edgecls finds them on the host."""
    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "classify", "--format", "jsonl", *images],
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise LabError(f"edgecls does not run here: {done.stderr.strip().splitlines()[-1:]}")
    found = map(json.loads, done.stdout.splitlines())
    return {Path(row["path"]).name: row["label"] for row in found}


def short(lab: Lab) -> Iterator[Check]:
    """What continuous integration runs."""
    yield from lab.boot("the service, a folder, a hang, a kill", "serving.py")
    yield from power_cuts(lab, 1)


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
