"""The sides: each is one or more variants of a program, of which the fastest counts."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device_benchmark.images import fresh_copies
from device_benchmark.processes import ROOT, cpu_seconds, daemon, peak_mb, rows_of

MODEL = ROOT / "models" / "efficientnet-lite0-imagenet-int8.tflite"
LABELS = ROOT / "models" / "imagenet-labels.txt"

Figures = dict[str, float]
"""images, seconds, cpu_seconds, peak_mb; of a stream latency_ms and latency_p99_ms too."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A program that classifies the files of a list, or a stream for some seconds, in its own folder."""

    name: str
    over_files: Callable[[list[Path], Path], Figures]
    over_stream: Callable[[str, float, Path], Figures] | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """A competitor. `environment` is a key of ENVIRONMENTS. A slow side classifies only every `every`-th file."""

    name: str
    environment: str
    variants: tuple[Callable[[Path], Variant], ...]
    every: int = 1


def _loop(python: Path, module: str, *arguments: object) -> Figures:
    """Run a program of `loops` and return its figures."""
    command = [str(python), "-m", f"device_benchmark.loops.{module}", *map(str, arguments)]
    path = os.pathsep.join([str(ROOT / "tools"), str(ROOT)])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module}: {done.stderr}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def file_list(files: list[Path], folder: Path) -> Path:
    """Write a text file with one path per line."""
    path = folder / "files.txt"
    path.write_text("".join(f"{file}\n" for file in files))
    return path


def plain(runtime: str, library: str, threads: int) -> Callable[[Path], Variant]:
    """Return the label_image loop; the original example uses Pillow and one thread."""

    def variant(python: Path) -> Variant:
        def run(folder: Path, *source: object) -> Figures:
            return _loop(
                python, "label_image", "--runtime", runtime, "--library", library, "--threads", threads,
                "--model", MODEL, "--labels", LABELS, "--database", folder / "rows.db", *source,
            )  # fmt: skip

        return Variant(
            f"{library}, {threads} thread{'s' * (threads > 1)}",
            lambda files, folder: run(folder, "--files", file_list(files, folder)),
            None  # a camera delivers pixels, not files
            if library == "pillow"
            else lambda address, seconds, folder: run(folder, "--stream", address, "--seconds", seconds),
        )

    return variant


def mediapipe(python: Path) -> Variant:
    """Return the loop of MediaPipe Tasks."""

    def run(folder: Path, *source: object) -> Figures:
        return _loop(python, "mediapipe_tasks", "--model", MODEL, "--database", folder / "rows.db", *source)

    return Variant(
        "ImageClassifier",
        lambda files, folder: run(folder, "--files", file_list(files, folder)),
        lambda address, seconds, folder: run(folder, "--stream", address, "--seconds", seconds),
    )


def bare(runtime: str, interpreters: int, threads: int) -> Callable[[Path], Variant]:
    """Return a loop that only calls invoke(), once per file."""

    def variant(python: Path) -> Variant:
        def over_files(files: list[Path], _: Path) -> Figures:
            return _loop(
                python, "invoke", "--runtime", runtime, "--model", MODEL, "--threads", threads,
                "--interpreters", interpreters, "--times", max(len(files), 40),
            )  # fmt: skip

        return Variant(f"{interpreters} x {threads} thread{'s' * (threads > 1)}", over_files)

    return variant


def work(python: Path) -> Variant:
    """Return the work of edgecls on one image, alone and in one thread."""

    def over_files(files: list[Path], folder: Path) -> Figures:
        few = files[: max(len(files) // 2, 10)]
        return _loop(
            python, "work", "--model", MODEL, "--database", folder / "work.db", "--files", file_list(few, folder)
        )  # fmt: skip

    return Variant("1 thread", over_files)


def edgecls(runtime: str) -> Callable[[Path], Variant]:
    """Return the daemon, with no settings but the model, the runtime and the source."""
    top = (f'model = "{MODEL}"', f'runtime = "{runtime}"')

    def variant(python: Path) -> Variant:
        def over_files(files: list[Path], folder: Path) -> Figures:
            fresh_copies(files, folder / "inbox")
            with daemon(python, folder, *top, "[source]", 'path = "inbox"', "until_idle = 60.0") as running:
                cpu = cpu_seconds(running.process.pid)
                with rows_of(running) as rows:
                    end = rows.wait(len(files), 0.1)  # a long pause: queries take CPU time from the daemon
                    cpu, peak = cpu_seconds(running.process.pid) - cpu, peak_mb(running.process.pid)
            return {
                "images": len(files), "seconds": end - running.ready_at, "cpu_seconds": cpu, "peak_mb": peak,
            }  # fmt: skip

        def over_stream(address: str, seconds: float, folder: Path) -> Figures:
            camera = ('type = "camera"', f'device = "{address}"')
            with daemon(python, folder, *top, "[source]", *camera) as running, rows_of(running) as rows:
                rows.wait(5, 0.02)
                first, cpu = rows.newest() + 1, cpu_seconds(running.process.pid)
                begun = rows.wait(first, 0.002)
                time.sleep(seconds)
                end = rows.wait(rows.newest() + 1, 0.002)
                count = rows.newest() - first
                cpu, peak = cpu_seconds(running.process.pid) - cpu, peak_mb(running.process.pid)
                waits = [wait for (wait,) in rows.all(_WAITS.format(first=first))]
            return {
                "images": count, "seconds": end - begun, "cpu_seconds": cpu, "peak_mb": peak,
                "latency_ms": sorted(waits)[len(waits) // 2], "latency_p99_ms": sorted(waits)[int(0.99 * len(waits))],
            }  # fmt: skip

        return Variant("the daemon", over_files, over_stream)

    return variant


_WAITS = "SELECT (julianday(classified_at) - julianday(captured_at)) * 86400000 FROM results WHERE id > {first}"

SIDES = (
    Side("edgecls", "edgecls", (edgecls("litert"),)),
    Side("MediaPipe Tasks", "mediapipe", (mediapipe,)),
    Side("label_image, LiteRT", "edgecls", (plain("litert", "pillow", 1),)),
    Side(
        "plain loop, LiteRT",
        "edgecls",
        tuple(plain("litert", library, threads) for library in ("opencv", "pillow") for threads in (1, 2)),
    ),
    Side("bare invoke(), LiteRT", "edgecls", (bare("litert", 1, 1), bare("litert", 1, 2), bare("litert", 2, 1))),
    Side("CPU work alone", "edgecls", (work,)),
    Side("edgecls, tflite-runtime", "tflite-runtime", (edgecls("tflite-runtime"),), every=10),
    Side("label_image, tflite-runtime", "tflite-runtime", (plain("tflite-runtime", "pillow", 1),), every=10),
    Side(
        "plain loop, tflite-runtime",
        "tflite-runtime",
        tuple(plain("tflite-runtime", "opencv", threads) for threads in (1, 2)),
        every=10,
    ),
)


def chosen(names: list[str]) -> list[Side]:
    """Return the sides whose names begin with one of `names`, or all. Raises SystemExit for an unknown name."""
    unknown = [name for name in names if not any(side.name.startswith(name) for side in SIDES)]
    if unknown:
        raise SystemExit(f"no side is called {unknown[0]!r}: choose from {', '.join(side.name for side in SIDES)}")
    return [side for side in SIDES if not names or any(side.name.startswith(name) for name in names)]


def details(figures: Figures) -> dict[str, Any]:
    """Add milliseconds per image and images a second to the figures."""
    return {
        **figures,
        "ms": 1000 * figures["seconds"] / figures["images"],
        "cpu_ms": 1000 * figures["cpu_seconds"] / figures["images"],
        "per_second": figures["images"] / figures["seconds"],
    }
