"""The benchmark: each stage by itself, then the daemon as a whole, for one model or two."""

import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgecls.bench import stages
from edgecls.bench.end_to_end import EndToEnd, ThreadSettings, end_to_end, fill, image_count, plans, thread_counts
from edgecls.bench.pictures import ImageSet
from edgecls.bench.stages import Stage
from edgecls.bench.timing import NOISY
from edgecls.inference.classifier import Classifier
from edgecls.inference.golden import replay_golden
from edgecls.inference.runtimes.operators import Operator, operators
from edgecls.model.model_file import ModelFile
from edgecls.version import __version__


@dataclass(frozen=True, slots=True)
class UpperBound:
    """The rate that `cores` allow by the CPU time of decoding with resizing, the network with one thread, and the row."""

    of: str
    per_second: float


@dataclass
class Measured:
    """The measurements of one model."""

    model: ModelFile
    runtime: str
    operators: list[Operator] | None
    stages: list[Stage] = field(default_factory=list)
    limits: list[UpperBound] = field(default_factory=list)
    runs: list[EndToEnd] = field(default_factory=list)

    def stage(self, name: str, of: str | None = None) -> Stage:
        """Return the first line of /proc/cpuinfo with this name."""
        return next(each for each in self.stages if each.name == name and of in (None, each.of))


@dataclass(frozen=True)
class Machine:
    """The machine that was measured. `load` is the load average of the minute before, `temporary` the folder of the files."""

    processor: str
    cores: int
    load: float
    python: str
    edgecls: str
    temporary: str
    file_system: str


def machine() -> Machine:
    """Describe this machine."""
    return Machine(
        processor=platform.machine(),
        cores=cores(),
        load=os.getloadavg()[0],
        python=platform.python_version(),
        edgecls=__version__,
        temporary=tempfile.gettempdir(),
        file_system=_file_system(os.path.realpath(tempfile.gettempdir())),
    )


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _file_system(folder: str) -> str:
    """Return the type of the file system that holds `folder`, by /proc/mounts; of nested mounts, the innermost."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text("utf-8", "replace").splitlines()]
    except OSError:
        return "unknown"
    above = [(len(each[1]), each[2]) for each in mounts if f"{folder}/".startswith(f"{each[1].rstrip('/')}/")]
    return max(above, default=(0, "unknown"))[1]


def count_of_steps(models: int, loads: int) -> int:
    """Return how often `measure` calls `advance`."""
    each = 3 * loads + len(thread_counts(cores())) + 1 + len(plans(cores())) + loads - 1
    return models * each


def measure(
    models: Sequence[ModelFile], loads: Sequence[ImageSet], seconds: float, advance: Callable[[], None]
) -> Iterator[Measured]:
    """Measure one model after the other; each figure takes about `seconds`, and then `advance` is called.

    Whatever is written lies in a temporary folder, which is removed. Raises the errors of `Classifier`, of
    `replay_golden`, and of the daemon.
    """
    for model in models:  # reports an error of the second model before the first is measured
        replay_golden(Classifier(model))
    for model in models:
        with tempfile.TemporaryDirectory(prefix="edgecls-bench-") as folder:
            yield _measure(model, loads, Path(folder), seconds, advance)


def _measure(
    model: ModelFile, loads: Sequence[ImageSet], folder: Path, seconds: float, advance: Callable[[], None]
) -> Measured:
    classifier = Classifier(model, threads=1)
    measured = Measured(model, classifier.runtime.name, operators(model.path, classifier.runtime.name))
    for stage in _stages(classifier, loads, folder, seconds):
        measured.stages.append(stage)
        advance()
    for load in loads:
        measured.limits.append(_limit(measured, load))
    for number, load in enumerate(loads):
        wanted = plans(cores()) if number == 0 else [ThreadSettings()]
        count = image_count(load, 1000 / measured.limits[number].per_second, 2 * seconds)
        inbox = folder / f"inbox{number}"
        fill(inbox, load, count)
        for plan in wanted:
            measured.runs.append(end_to_end(model, load, inbox, plan))
            advance()
        for file in inbox.iterdir():
            file.unlink()
    return measured


def _stages(classifier: Classifier, loads: Sequence[ImageSet], folder: Path, seconds: float) -> Iterator[Stage]:
    for load in loads:
        yield from stages.of_pictures(load, classifier, seconds)
    for threads in thread_counts(cores()):
        other = Classifier(classifier.model, threads=threads)
        yield stages.of_network(loads[0], other, threads, seconds)
    yield stages.of_database(loads[0], classifier, folder, seconds)


def _limit(measured: Measured, load: ImageSet) -> UpperBound:
    """Return the rate that the processor allows. The first inference stage is that of a single thread."""
    work = (measured.stage(stages.BOTH, load.name), measured.stage(stages.INFER), measured.stage(stages.COMMIT))
    return UpperBound(load.name, cores() * 1000 / sum(stage.timing.cpu_ms for stage in work))


def notes(machine: Machine, measured: Sequence[Measured]) -> list[str]:
    """Return warnings about circumstances that distort the figures."""
    notes = []
    if machine.load > 0.5:
        notes.append(f"the machine was busy (load average {machine.load:.1f}): stop what else runs, and measure again")
    if machine.file_system in ("tmpfs", "ramfs"):
        notes.append(
            f"{machine.temporary} is memory ({machine.file_system}), where a commit costs nothing: set TMPDIR to a "
            "folder on the disk that the database is on"
        )
    noisy = [
        f"{stage.name} {stage.of} ({stage.timing.spread:.0%})"
        for each in measured
        for stage in each.stages
        if stage.timing.spread > NOISY and stage.name not in (stages.DECODE, stages.BOTH)  # pictures differ
    ]
    if noisy:
        notes.append(f"noisy: times spread widely around their median: {', '.join(dict.fromkeys(noisy))}")
    if any(each.operators is None for each in measured):
        notes.append("this version of the runtime does not list its operators")
    return notes
