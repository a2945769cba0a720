"""How much of the hardware the device side uses, beside what people would use instead: one table.

    python tools/benchmark_device.py                        # all of it: about a quarter of an hour on two cores
    python tools/benchmark_device.py --quick                # few files and one round, to try it out
    python tools/benchmark_device.py --loads 500x375 latency --sides edgecls plain

It makes what it needs in build/benchmark (gigabytes): an environment for edgecls, one for tflite-runtime (Python 3.11,
numpy 1) and one for MediaPipe (whose OpenCV would overwrite ours), and the pictures: photographs scaled to a camera's
size, with a sensor's noise, each of other content.

All sides take the same files, in the same run: round after round, each side in every round; the table shows medians of
five rounds (of three: the camera and `flat`). Where a side has variants (threads, decoder) a first round finds the
fastest. The sides through tflite-runtime take every tenth file, and no camera. The time of edgecls is that from `ready` to the last
committed row; its daemon has no settings but the model, the runtime and the source. The camera is a motion JPEG stream
over HTTP, 1280 x 720, from a process of its own.
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
from device_benchmark.loads import COUNTS, camera_load, files_load
from device_benchmark.pictures import check_photographs
from device_benchmark.sides import chosen
from device_benchmark.table import table

if TYPE_CHECKING:
    from collections.abc import Callable

LOADS = (*COUNTS, "camera", "start", "latency", "idle", "many", "flat")


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="few files and one round")
    made.add_argument("--loads", nargs="+", choices=LOADS, default=LOADS, metavar="LOAD", help=", ".join(LOADS))
    made.add_argument("--sides", nargs="+", default=[], metavar="SIDE", help="those whose names begin so")
    made.add_argument("--place", type=Path, default=ROOT / "build" / "benchmark", help="for what it makes, gigabytes")
    made.add_argument("--json", type=Path, help="where the figures go to; by default figures.json in the place")
    made.add_argument("--table-of", type=Path, metavar="JSON", help="measure nothing: print the table of these figures")
    return made


def main() -> None:
    """Measure, and print the table; the figures as JSON go to a file."""
    asked = parser().parse_args()
    if asked.table_of:
        print(table(json.loads(asked.table_of.read_text())))
        return
    check_photographs()
    place = asked.place.resolve()
    place.mkdir(parents=True, exist_ok=True)
    sides = chosen(asked.sides)
    pythons = {name: environment(name, place / "environments") for name in {"edgecls", *(s.environment for s in sides)}}
    ours = pythons["edgecls"]
    measures: dict[str, Callable[[], Any]] = {
        **{size: partial(files_load, size, sides, pythons, place, quick=asked.quick) for size in COUNTS},
        "camera": lambda: camera_load(sides, pythons, place, quick=asked.quick),
        "start": lambda: folders.start(sides, pythons, place, quick=asked.quick),
        "latency": lambda: folders.latency(ours, place, quick=asked.quick),
        "idle": lambda: folders.idle(ours, place, quick=asked.quick),
    }
    results: dict[str, Any] = {"machine": _machine()}
    path = asked.json or place / "figures.json"
    for load in [load for load in measures if load in asked.loads]:
        print(f"measuring: {load}", file=sys.stderr)
        results[load] = measures[load]()
        path.write_text(json.dumps(results, indent=1))
    if loads := [load for load in ("many", "flat") if load in asked.loads]:
        print(f"measuring: {', '.join(loads)}", file=sys.stderr)
        results |= folders.done_files(ours, place, loads, quick=asked.quick)
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
