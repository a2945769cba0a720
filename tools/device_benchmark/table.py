"""Format the figures as one table, and the targets as another."""

from collections.abc import Iterator
from typing import Any

Results = dict[str, Any]

_LOADS = {
    "500x375": "500x375 JPEG",
    "1920x1080": "1920x1080 JPEG",
    "4056x3040": "4056x3040 JPEG",
    "camera": "camera, 30 frames/s",
}


def table(results: Results) -> str:
    """Return Markdown: the figures of each side and load, then the targets and the measured values."""
    return "\n".join([*_sides(results), "", *_targets(results)])


def _sides(results: Results) -> Iterator[str]:
    yield "| load | side | ms an image | images/s | CPU ms an image | peak MB | edgecls is faster by |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for load, name in _LOADS.items():
        sides = results.get(load, {})
        for side, figures in sides.items():
            ratio = f"{figures['ms'] / sides['edgecls']['ms']:.2f}" if "edgecls" in sides and load != "camera" else ""
            latency = f", {figures['latency_ms']:.0f} ms from frame to row" if "latency_ms" in figures else ""
            yield (
                f"| {name} | {side} ({figures['variant']}{latency}) | {figures['ms']:.2f} | {figures['per_second']:.1f} | "
                f"{figures['cpu_ms']:.2f} | {figures['peak_mb']:.0f} | {ratio} |"
            )
    for side, seconds in results.get("start", {}).items():
        yield f"| start to first row | {side} | {1000 * seconds:.0f} | | | | |"
    for size, figures in results.get("flat", {}).items():
        yield (
            f"| into a folder of {size} done files | edgecls (the daemon) | {figures['ms']:.2f} | "
            f"{1000 / figures['ms']:.1f} | {figures['cpu_ms']:.2f} | | |"
        )


def _targets(results: Results) -> Iterator[str]:
    yield "| target | to reach | reached | |"
    yield "| --- | --- | --- | --- |"
    for name, target, reached, unit, is_met in _rows(results):
        yield f"| {name} | {target} | {reached:.2f}{unit} | {'yes' if is_met else '**no**'} |"


_FASTER = (
    ("500x375", "MediaPipe Tasks", 1.7),
    ("500x375", "plain loop, LiteRT", 1.2),
    ("4056x3040", "MediaPipe Tasks", 6.0),
    ("4056x3040", "label_image, LiteRT", 6.0),
    ("4056x3040", "plain loop, LiteRT", 6.0),
)


def _rows(results: Results) -> Iterator[tuple[str, str, float, str, bool]]:
    """Yield (name, target, measured value, its unit, whether the target is met) for each load that was measured."""
    small, large = results.get("500x375", {}), results.get("4056x3040", {})
    if "CPU work alone" in small and "edgecls" in small:
        share = small["edgecls"]["per_second"] / (2000 / small["CPU work alone"]["cpu_ms"])
        yield "500x375: share of the limit set by CPU work alone", "0.92", share, "", share >= 0.92
    for size, side, least in _FASTER:
        sides = results.get(size, {})
        if side in sides and "edgecls" in sides:
            ratio = sides[side]["ms"] / sides["edgecls"]["ms"]
            yield f"{size}: faster than {side} by", f"{least}", ratio, "", ratio >= least
    for way, figures in results.get("latency", {}).items():
        beyond = figures["beyond_ms"]
        yield f"file {way} to its row, beyond decode and infer (p50)", "10 ms", beyond, " ms", beyond <= 10
    if "edgecls" in results.get("start", {}):
        start = results["start"]["edgecls"]
        yield "process start to first row", "1.5 s", start, " s", start <= 1.5
    if "edgecls" in large:
        peak = large["edgecls"]["peak_mb"]
        yield "peak resident memory, 12-megapixel files", "250 MB", peak, " MB", peak <= 250
    if "many" in results:
        many = results["many"]
        idle, again = many["idle_percent"], many["restart_s"]
        yield f"idle, {many['files']} done files", "1 % of a core", idle, " %", idle <= 1
        yield f"restart over {many['files']} done files", "3 s", again, " s", again <= 3
    if "flat" in results:
        costs = [figures["ms"] for figures in results["flat"].values()]
        spread = 100 * (max(costs) / costs[0] - 1)
        yield (
            f"an image's cost, {' to '.join(_ends(results['flat']))} files: rises by",
            "10 %",
            spread,
            " %",
            spread <= 10,
        )


def _ends(flat: dict[str, Any]) -> tuple[str, str]:
    names = list(flat)
    return names[0], names[-1]
