"""Loads for the daemon alone: latency of a file, start, and a folder of 100,000 files."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from device_benchmark.done_files import mark_done
from device_benchmark.images import fresh_copies, images_of_size, many_small
from device_benchmark.processes import Daemon, Rows, cpu_seconds, daemon, rows_of, until
from device_benchmark.sides import MODEL, Side, details

MANY = 100_000
_TOP = (f'model = "{MODEL}"', 'runtime = "litert"', "[source]", 'path = "inbox"')


def _renamed(data: bytes, path: Path) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.rename(path)


def _written(data: bytes, path: Path) -> None:
    path.write_bytes(data)


WAYS: dict[str, Callable[[bytes, Path], None]] = {"renamed": _renamed, "written": _written}
"""The ways in which a file arrives in the folder."""


def latency(python: Path, work_dir: Path, *, quick: bool) -> dict[str, Any]:
    """Measure the time from a file's close (or rename) to its committed row, in an idle daemon; medians [ms].

    A file arrives every half second. `beyond` is the time without decoding and inference, which the row states.
    """
    files = images_of_size("500x375", 12 if quick else 50, work_dir / "images")
    latencies: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=work_dir) as name:
        folder = Path(name)
        (folder / "inbox").mkdir()
        with daemon(python, folder, *_TOP) as running, rows_of(running) as rows:
            for way, put in WAYS.items():
                chosen = files[: len(files) // 2] if way == "renamed" else files[len(files) // 2 :]
                took = [_to_row(path, put, folder / "inbox" / f"{way}-{path.name}", rows) for path in chosen]
                work = rows.all(f"SELECT decode_ms + infer_ms FROM results ORDER BY id DESC LIMIT {len(took)}")
                beyond = [total - own for total, (own,) in zip(took, reversed(work), strict=True)]
                latencies[way] = {"row_ms": statistics.median(took), "beyond_ms": statistics.median(beyond),
                              "beyond_longest_ms": max(beyond)}  # fmt: skip
    return latencies


def _to_row(path: Path, put: Callable[[bytes, Path], None], target: Path, rows: Rows) -> float:
    time.sleep(0.5)
    data, count = path.read_bytes(), rows.newest()
    put(data, target)
    closed = time.perf_counter()
    return 1000 * (rows.wait(count + 1, 0.0005) - closed)


def start(sides: list[Side], pythons: dict[str, Path], work_dir: Path, *, quick: bool) -> dict[str, float]:
    """Measure the time from the start of a process to its first row, for each side that writes rows; medians [s]."""
    files = images_of_size("500x375", 1, work_dir / "images")
    able = [side for side in sides if "invoke" not in side.name and "CPU" not in side.name]
    took: dict[str, list[float]] = {side.name: [] for side in able}
    for _ in range(1 if quick else 5):
        for side in able:
            variant = side.variants[0](pythons[side.environment])
            with tempfile.TemporaryDirectory(dir=work_dir) as name:
                took[side.name].append(
                    _first_row(pythons[side.environment], Path(name), side, files)
                    if side.name.startswith("edgecls")
                    else -time.time() + variant.over_files(files, Path(name))["first_row_at"]
                )
    return {name: statistics.median(times) for name, times in took.items()}


def _first_row(python: Path, folder: Path, side: Side, files: list[Path]) -> float:
    runtime = "tflite-runtime" if "tflite-runtime" in side.name else "litert"
    fresh_copies(files, folder / "inbox")
    lines = [line.replace('"litert"', f'"{runtime}"') for line in _TOP]
    with daemon(python, folder, *lines) as running, rows_of(running) as rows:
        return rows.wait(1, 0.002) - running.started


def idle(python: Path, work_dir: Path, *, quick: bool) -> float:
    """Measure the CPU time of a daemon that watches a folder of few files [% of a core]."""
    with tempfile.TemporaryDirectory(dir=work_dir) as name:
        fresh_copies(images_of_size("500x375", 10, work_dir / "images"), Path(name) / "inbox")
        with daemon(python, Path(name), *_TOP) as running, rows_of(running) as rows:
            rows.wait(10, 0.02)
            time.sleep(2)
            return _idle(running, 5.0 if quick else 10.0)


def _idle(running: Daemon, seconds: float) -> float:
    before, begun = cpu_seconds(running.process.pid), time.perf_counter()
    time.sleep(seconds)
    return 100 * (cpu_seconds(running.process.pid) - before) / (time.perf_counter() - begun)


def done_files(python: Path, work_dir: Path, loads: list[str], *, quick: bool) -> dict[str, Any]:
    """Measure the loads `many` and `flat`, as far as `loads` names them, on folders of 100 to 100,000 done files."""
    largest = MANY // 10 if quick else MANY
    sizes = [size for size in (100, 1000, 10_000, MANY) if size <= largest and (size == largest or "flat" in loads)]

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=work_dir) as name:
        folders = {size: _with_done(Path(name), size, work_dir / "images") for size in sizes}
        if "many" in loads:
            figures["many"] = _many(python, folders[largest], work_dir, quick=quick)
        if "flat" in loads:
            figures["flat"] = _flat(python, folders, work_dir, quick=quick)
    return figures


def _with_done(work_dir: Path, size: int, originals: Path) -> Path:
    folder = work_dir / str(size)
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    for entry in os.scandir(many_small(size, originals)):
        os.link(entry.path, inbox / entry.name)
    mark_done(folder / "results.db", inbox)
    return folder


def _many(python: Path, folder: Path, work_dir: Path, *, quick: bool) -> dict[str, Any]:
    """Measure the first start over done files, later starts [s], and the CPU time of watching them [% of a core].

    The last lasts long enough to include a full scan of the folder, as the daemon makes it when it is idle.
    """
    count = len(os.listdir(folder / "inbox"))
    new = images_of_size("500x375", 10, work_dir / "images")
    seconds, repeats = (10.0, 2) if quick else (140.0, 6)
    took: list[float] = []
    percent = 0.0
    for n in range(repeats):
        path = folder / "inbox" / f"new-{n}.jpg"
        path.write_bytes(new[n].read_bytes())
        os.utime(path, (time.time() - 30,) * 2)  # old enough to be complete, and newer than all others
        with daemon(python, folder, *_TOP) as running, rows_of(running) as rows:
            # The newest file comes last: once it has its row, all others are known to have theirs.
            took.append(rows.wait(count + n + 1, 0.005) - running.started)
            time.sleep(1.0)
            if rows.newest() != count + n + 1:
                raise RuntimeError("a file got a second row")
            percent = _idle(running, seconds) if n == repeats - 1 else 0.0
    return {"files": count, "first_start_s": took[0], "restart_s": statistics.median(took[1:]), "idle_percent": percent}


def _flat(python: Path, folders: dict[int, Path], work_dir: Path, *, quick: bool) -> dict[str, Any]:
    """Measure the cost of an image that arrives in a folder of done files, with as many rows in the database [ms].

    The first start is not counted, because it reads files that are new to the database.
    """
    files = images_of_size("500x375", 30 if quick else 600, work_dir / "images")
    took: dict[int, list[dict[str, Any]]] = {size: [] for size in folders}
    for repeat in range(2 if quick else 6):
        for size in sorted(folders, reverse=repeat % 2 == 1):  # alternate: no size always gets the warmer machine
            took[size].append(_arrivals(python, folders[size], files, repeat))
    return {
        str(size): {key: statistics.median(one[key] for one in each[1:]) for key in ("ms", "cpu_ms")}
        for size, each in took.items()
    }


def _arrivals(python: Path, folder: Path, files: list[Path], repeat: int) -> dict[str, Any]:
    """Move all files in as one folder while the daemon waits, wait for their rows, and remove the files again."""
    waiting, batch = folder / "waiting", folder / "inbox" / f"batch-{repeat}"
    marker = folder / "inbox" / f"marker-{repeat}.jpg"
    fresh_copies(files[1:], waiting)
    marker.write_bytes(files[0].read_bytes())
    os.utime(marker, (time.time() - 30,) * 2)
    with daemon(python, folder, *_TOP) as running, rows_of(running) as rows:
        until(
            lambda: bool(rows.all(f"SELECT 1 FROM results WHERE key LIKE 'marker-{repeat}.jpg#%'")), 0.05
        )  # the files before it are known
        time.sleep(0.5)
        count, cpu, begun = rows.newest(), cpu_seconds(running.process.pid), time.perf_counter()
        waiting.rename(batch)
        end = rows.wait(count + len(files) - 1, 0.02)
        cpu = cpu_seconds(running.process.pid) - cpu
    shutil.rmtree(batch)
    return details({"images": len(files) - 1, "seconds": end - begun, "cpu_seconds": cpu})
