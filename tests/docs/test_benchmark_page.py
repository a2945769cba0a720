"""docs/experiments/benchmark.md shows the table that the tool makes of the figures beside it, and commands that the tool takes."""

import json
import re
import shlex
import sys

import pytest
from paths import ROOT

PAGE = (ROOT / "docs" / "experiments" / "benchmark.md").read_text()
FIGURES = json.loads((ROOT / "docs" / "experiments" / "benchmark.json").read_text())


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import benchmark_device

        yield benchmark_device
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_the_table_is_that_of_the_figures(tool):
    assert tool.table(FIGURES) in PAGE
    assert FIGURES["machine"] in PAGE


def test_the_commands_are_the_tools(tool):
    commands = re.findall(r"^python tools/benchmark_device\.py(.*)$", PAGE, re.MULTILINE)
    assert commands
    for options in commands:
        tool.parser().parse_args(shlex.split(options, comments=True))


def side(ms, **more):
    return {"variant": "v", "ms": ms, "per_second": 1000 / ms, "cpu_ms": ms, "peak_mb": 100.0, **more}


def test_targets_that_are_met_and_that_are_not(tool):
    figures = {
        "500x375": {"edgecls": side(5.0), "MediaPipe Tasks": side(10.0), "plain loop, LiteRT": side(5.5)},
        "latency": {"renamed": {"beyond_ms": 10.4}},
        "many": {"files": 10, "restart_s": 2.9, "idle_percent": 0.4},
        "flat": {size: {"ms": ms, "cpu_ms": ms} for size, ms in (("100", 10.0), ("1000", 11.5), ("10000", 10.1))},
    }
    rows = [line for line in tool.table(figures).splitlines() if line.endswith(("| yes |", "| **no** |"))]
    assert rows == [
        "| 500x375: faster than MediaPipe Tasks by | 1.7 | 2.00 | yes |",
        "| 500x375: faster than plain loop, LiteRT by | 1.2 | 1.10 | **no** |",
        "| file renamed to its row, beyond decode and infer (p50) | 10 ms | 10.40 ms | **no** |",
        "| idle, 10 done files | 1 % of a core | 0.40 % | yes |",
        "| restart over 10 done files | 3 s | 2.90 s | yes |",
        "| an image's cost, 100 to 10000 files: rises by | 10 % | 15.00 % | **no** |",
    ]


def test_unknown_sides_are_refused(tool):
    with pytest.raises(SystemExit, match="no side is called 'edgecl5'"):
        tool.chosen(["edgecl5"])
