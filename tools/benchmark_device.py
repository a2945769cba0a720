"""Compare the speed of the daemon with that of the alternatives, and with the limit of the hardware.

    python tools/benchmark_device.py                        # everything: about a quarter of an hour on two cores
    python tools/benchmark_device.py --quick                # few files and one round
    python tools/benchmark_device.py --loads 500x375 latency --sides edgecls plain

The working directory build/benchmark takes gigabytes: an environment for edgecls, one for tflite-runtime (Python 3.11,
numpy 1), one for MediaPipe (whose OpenCV would overwrite ours), and the images: photographs scaled to the size of a
camera, with the noise of a sensor, no two with the same content.

All sides classify the same files in the same run, and each side runs once in every round. The table shows medians of
five rounds (three for the camera and `flat`). If a side has variants (threads, decoder), a first round selects the
fastest. The tflite-runtime sides classify every tenth file, and no camera frames. The time of edgecls runs from `ready`
to the last committed row; its daemon has no settings but the model, the runtime and the source. The camera is a motion
JPEG stream over HTTP, 1280 x 720, served by a separate process.
"""

import argparse
import json
import os
import platform
import re
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device_benchmark import folders
from device_benchmark.environments import ROOT, environment
from device_benchmark.images import check_photographs
from device_benchmark.loads import COUNTS, camera_load, files_load
from device_benchmark.sides import chosen
from device_benchmark.table import table

if TYPE_CHECKING:
    from collections.abc import Callable

LOADS = (*COUNTS, "camera", "start", "latency", "idle", "many", "flat")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="few files and one round")
    options.add_argument("--loads", nargs="+", choices=LOADS, default=LOADS, metavar="LOAD", help=", ".join(LOADS))
    options.add_argument(
        "--sides", nargs="+", default=[], metavar="SIDE", help="only sides whose names begin with SIDE"
    )
    options.add_argument(
        "--work-dir", type=Path, default=ROOT / "build" / "benchmark",
        help="directory for environments and images, gigabytes (default: %(default)s)",
    )  # fmt: skip
    options.add_argument("--json", type=Path, help="output file of the figures (default: figures.json in --work-dir)")
    options.add_argument(
        "--table-of", type=Path, metavar="JSON", help="measure nothing; print the table of these figures"
    )
    return options


def main() -> None:
    """Measure, print the table, and write the figures to a JSON file."""
    options = parser().parse_args()
    if options.table_of:
        print(table(json.loads(options.table_of.read_text())))
        return
    check_photographs()
    work_dir = options.work_dir.resolve()
    work_dir.mkdir(parents=True, exist_ok=True)
    sides = chosen(options.sides)
    pythons = {
        name: environment(name, work_dir / "environments") for name in {"edgecls", *(s.environment for s in sides)}
    }
    ours = pythons["edgecls"]
    measures: dict[str, Callable[[], Any]] = {
        **{size: partial(files_load, size, sides, pythons, work_dir, quick=options.quick) for size in COUNTS},
        "camera": lambda: camera_load(sides, pythons, work_dir, quick=options.quick),
        "start": lambda: folders.start(sides, pythons, work_dir, quick=options.quick),
        "latency": lambda: folders.latency(ours, work_dir, quick=options.quick),
        "idle": lambda: folders.idle(ours, work_dir, quick=options.quick),
    }
    results: dict[str, Any] = {"machine": _machine()}
    path = options.json or work_dir / "figures.json"
    for load in [load for load in measures if load in options.loads]:
        print(f"measuring: {load}", file=sys.stderr)
        results[load] = measures[load]()
        path.write_text(json.dumps(results, indent=1))
    if loads := [load for load in ("many", "flat") if load in options.loads]:
        print(f"measuring: {', '.join(loads)}", file=sys.stderr)
        results |= folders.done_files(ours, work_dir, loads, quick=options.quick)
        path.write_text(json.dumps(results, indent=1))
    print(table(results))


def _machine() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = cpu[1] if cpu else platform.machine()
    return f"{name}, {os.cpu_count()} cores, Linux, Python {platform.python_version()}"


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("the benchmark reads /proc: run it on Linux")
    main()
