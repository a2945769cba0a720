"""Loads for all sides: files of three sizes, and a camera stream."""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from device_benchmark.images import images_of_size, stream_images
from device_benchmark.processes import ROOT
from device_benchmark.sides import Figures, Side, Variant, details

COUNTS = {"500x375": 600, "1920x1080": 100, "4056x3040": 40}
"""The number of files of each load."""
STREAM_SECONDS = 6.0

Results = dict[str, dict[str, Any]]
"""side -> the median of each figure; `variant` is the name of the fastest variant."""


def files_load(size: str, sides: list[Side], pythons: dict[str, Path], work_dir: Path, *, quick: bool) -> Results:
    """Run all sides over the same files of that size, a key of COUNTS."""
    files = images_of_size(size, COUNTS[size] // 5 if quick else COUNTS[size], work_dir / "images")

    def run(side: Side, variant: Variant, folder: Path) -> Figures:
        return variant.over_files(files[:: side.every], folder)

    return _interleaved(sides, pythons, run, work_dir, quick=quick)


def camera_load(sides: list[Side], pythons: dict[str, Path], work_dir: Path, *, quick: bool) -> Results:
    """Run all sides that accept a stream over one stream of 30 frames a second."""
    seconds = STREAM_SECONDS / 4 if quick else STREAM_SECONDS
    able = [side for side in map(_on_streams, sides) if side.variants]
    folder = stream_images(work_dir / "images")[0].parent
    with _stream(folder) as address:

        def run(_: Side, variant: Variant, folder: Path) -> Figures:
            assert variant.over_stream
            return variant.over_stream(address, seconds, folder)

        return _interleaved(able, pythons, run, work_dir, quick=quick, repeats=3)


def _on_streams(side: Side) -> Side:
    """Return the side with only the variants that accept streams; with none if the side is too slow for them."""
    able = [make for make in side.variants if side.every == 1 and make(Path()).over_stream]
    return replace(side, variants=tuple(able))


def _interleaved(
    sides: list[Side],
    pythons: dict[str, Path],
    run: Callable[[Side, Variant, Path], Figures],
    work_dir: Path,
    *,
    quick: bool,
    repeats: int = 5,
) -> Results:
    """Select the fastest variant of each side, run all sides in every round, and return the medians."""

    def measured(side: Side, variant: Variant) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=work_dir) as folder:
            figures = details(run(side, variant, Path(folder)))
        print(f"{side.name} ({variant.name}): {figures['ms']:.2f} ms an image", file=sys.stderr)
        return figures

    fastest: dict[str, Variant] = {}
    for side in sides:
        variants = [make(pythons[side.environment]) for make in side.variants]
        trials = [measured(side, variant)["ms"] for variant in variants] if len(variants) > 1 else [0.0]
        fastest[side.name] = variants[trials.index(min(trials))]
    rounds = [{side.name: measured(side, fastest[side.name]) for side in sides} for _ in range(1 if quick else repeats)]
    return {
        side.name: {
            "variant": fastest[side.name].name,
            **{key: statistics.median(each[side.name][key] for each in rounds) for key in rounds[0][side.name]},
        }
        for side in sides
    }


@contextmanager
def _stream(folder: Path) -> Iterator[str]:
    """Serve the images in `folder`, 30 a second, from a separate process, and yield the address."""
    command = [sys.executable, str(ROOT / "tools" / "device_benchmark" / "camera_stream.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()
