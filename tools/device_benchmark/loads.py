"""Loads that all sides take: files of three sizes, and a camera's stream."""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from device_benchmark.pictures import pictures, video
from device_benchmark.processes import ROOT
from device_benchmark.sides import Figures, Side, Variant, details

COUNTS = {"500x375": 600, "1920x1080": 100, "4056x3040": 40}
"""Files of a load."""
STREAM_SECONDS = 6.0

Results = dict[str, dict[str, Any]]
"""side -> the median of each figure; `variant` says which program it was."""


def files_load(size: str, sides: list[Side], pythons: dict[str, Path], place: Path, *, quick: bool) -> Results:
    """All sides over the same files of that size (a key of COUNTS)."""
    files = pictures(size, COUNTS[size] // 5 if quick else COUNTS[size], place / "pictures")

    def run(side: Side, variant: Variant, folder: Path) -> Figures:
        return variant.over_files(files[:: side.every], folder)

    return _interleaved(sides, pythons, run, place, quick=quick)


def camera_load(sides: list[Side], pythons: dict[str, Path], place: Path, *, quick: bool) -> Results:
    """All sides that can, on one stream of 30 frames a second."""
    seconds = STREAM_SECONDS / 4 if quick else STREAM_SECONDS
    able = [side for side in map(_on_streams, sides) if side.variants]
    folder = video(place / "pictures")[0].parent
    with _stream(folder) as address:

        def run(_: Side, variant: Variant, folder: Path) -> Figures:
            assert variant.over_stream
            return variant.over_stream(address, seconds, folder)

        return _interleaved(able, pythons, run, place, quick=quick, repeats=3)


def _on_streams(side: Side) -> Side:
    """With those variants only that take streams; none of a side that is too slow for one."""
    able = [make for make in side.variants if side.every == 1 and make(Path()).over_stream]
    return replace(side, variants=tuple(able))


def _interleaved(
    sides: list[Side],
    pythons: dict[str, Path],
    run: Callable[[Side, Variant, Path], Figures],
    place: Path,
    *,
    quick: bool,
    repeats: int = 5,
) -> Results:
    """A trial of every variant, whose fastest goes on; then round after round, all sides in each. Medians."""

    def measured(side: Side, variant: Variant) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=place) as folder:
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
    """The address of a stream of the pictures in `folder`, 30 a second, from a process of its own."""
    command = [sys.executable, str(ROOT / "tools" / "device_benchmark" / "camera_stream.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()
