"""The daemon as it is, `edgecls run`, over a folder of pictures: in a process of its own, as it will run."""

import os
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.bench.pictures import ImageSet
from edgecls.bench.timing import quantile
from edgecls.database.reading import open_results
from edgecls.database.timestamps import parse_timestamp
from edgecls.errors import IoFailed
from edgecls.model.model_file import ModelFile

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDLE_S = 0.5
_LOOK_EVERY_S = 0.05
_MOST_BYTES = 300 * 2**20
"""The highest size of the images in the temporary folder."""


@dataclass(frozen=True, slots=True)
class ThreadSettings:
    """The numbers of interpreters and threads in the configuration; None where the daemon decides."""

    interpreters: int | None = None
    threads: int | None = None

    def __str__(self) -> str:
        if self.threads is None:
            return "own choice"
        return str(self.threads) if self.interpreters is None else f"{self.interpreters} x {self.threads}"


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """A run of the daemon over `images` files of one kind.

    `mean_ms` is the time an image, from the first row to the last; `median_ms` and `p99_ms` are of the times between two
    rows, which the database keeps in whole milliseconds: 0 where rows come together. `first_row_s` is from the start of the process. `peak_mib` is resident.
    """

    of: str
    plan: str
    images: int
    mean_ms: float
    median_ms: float
    p99_ms: float
    per_second: float
    peak_mib: float
    first_row_s: float


def plans(cores: int) -> list[ThreadSettings]:
    """Return the daemon's own choice, one interpreter with more and more threads, then several of them on all `cores`."""
    counts = thread_counts(cores)
    several = (ThreadSettings(n, cores // n) for n in counts if n > 1)
    return [ThreadSettings(), *(ThreadSettings(1, threads) for threads in counts), *several]


def thread_counts(cores: int) -> list[int]:
    """Yield each count up to 4, and then double it, so that a large machine is measured in minutes."""
    return sorted({n for n in (1, 2, 3, 4, *(2**power for power in range(3, 9)), cores) if n <= cores})


def image_count(load: ImageSet, ms: float, seconds: float) -> int:
    """Images that take about so long at `ms` each."""
    return max(20, min(round(seconds * 1000 / ms), int(_MOST_BYTES / load.mean_bytes), 3000))


def fill(inbox: Path, load: ImageSet, count: int) -> None:
    """Write `count` files, the pictures over and over: each by another name is another frame."""
    inbox.mkdir()
    for number in range(count):
        which = number % len(load.images)
        (inbox / f"{number:05}{load.suffixes[which]}").write_bytes(load.images[which])


def end_to_end(model: ModelFile, load: ImageSet, inbox: Path, plan: ThreadSettings) -> EndToEnd:
    """Run the daemon over `inbox`, which holds files of `load`; its database lies beside it, and is removed.

    Raises IoFailed where the daemon ends in an error: that was none of the model's, which was tried before.
    """
    folder = inbox.parent / "daemon"
    folder.mkdir()
    config = folder / "edgecls.toml"
    config.write_text(_config(inbox, plan, model), "utf-8")
    if not model.info:
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in model.labels), "utf-8")
    (folder / "model.tflite").symlink_to(model.path.absolute())  # its name may be one that TOML cannot hold
    started = time.time()
    peak = _run(config)
    with closing(open_results(folder / "results.db")) as db:
        times = [
            parse_timestamp(each[0]).timestamp() for each in db.execute("SELECT classified_at FROM results ORDER BY 1")
        ]
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    took = max(times[-1] - times[0], 0.001)
    gaps = sorted(after - before for before, after in pairwise(times))
    return EndToEnd(
        of=load.name,
        plan=str(plan),
        images=len(times),
        mean_ms=took / len(gaps) * 1000,
        median_ms=quantile(gaps, 0.5) * 1000,
        p99_ms=quantile(gaps, 0.99) * 1000,
        per_second=len(gaps) / took,
        peak_mib=peak,
        first_row_s=times[0] - started,
    )


def _config(inbox: Path, plan: ThreadSettings, model: ModelFile) -> str:
    """Paths are relative to the file."""
    of_model = ['labels = "labels.txt"'] if not model.info else []
    of_model += [f'input_range = "{model.input_range}"'] if model.input_range else []
    lines = of_model + [f"{name} = {value}" for name, value in asdict(plan).items() if value is not None]
    source = ["[source]", f'path = "../{inbox.name}"', "settle_seconds = 0.01", ""]
    return "\n".join(['model = "model.tflite"', 'database = "results.db"', *lines, *source])


def _run(config: Path) -> float:
    """Until it has nothing more to do; returns the most memory it had, in MiB."""
    log = config.with_name("log")
    with log.open("wb") as stderr, _daemon(config, stderr.fileno()) as child:
        peak = 0.0
        while child.poll() is None:
            peak = max(peak, _peak_mib(child.pid))
            time.sleep(_LOOK_EVERY_S)
    if child.returncode:
        last = (log.read_text("utf-8", "replace").strip().splitlines() or ["no output"])[-1]
        raise IoFailed(f"the daemon ended with code {child.returncode} ({last}): try it with edgecls run")
    return peak


@contextmanager
def _daemon(config: Path, log: int) -> "Iterator[subprocess.Popen[bytes]]":
    """Start a child that finds the same packages as this process and ends with it."""
    code = f"import sys; sys.path[:] = {sys.path!r}; from edgecls.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", "--config", str(config), "--until-idle", str(_IDLE_S)]
    variables = {name: value for name, value in os.environ.items() if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC")}
    child = subprocess.Popen(  # noqa: S603  # ourselves
        command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _peak_mib(pid: int) -> float:
    """Return the peak memory of the program that runs in the child; `wait4` would include the memory of this process, from before exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:  # it has just ended
        return 0.0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) / 1024 for words in lines), 0.0)
