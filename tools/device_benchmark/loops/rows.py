"""Commit a row for each image, as durably as edgecls does, and report the figures of a loop."""

import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

TOP_K = 5


class Rows:
    """A results database at `path`, created if it is missing."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS results (id INTEGER PRIMARY KEY, path TEXT, time TEXT, label TEXT, score REAL, "
            "top_k TEXT)"
        )

    def write(self, path: str, top: Sequence[tuple[str, float]]) -> None:
        """Commit a row: `top` is [(label, score), ...], best first."""
        top_k = json.dumps([{"label": label, "score": score} for label, score in top])
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._connection.execute(
            "INSERT INTO results (path, time, label, score, top_k) VALUES (?, ?, ?, ?, ?)", (path, now, *top[0], top_k)
        )
        self._connection.commit()


def over_files(paths: list[str], classify: Callable[[str], Sequence[tuple[str, float]]], database: str) -> None:
    """Classify each file, one after the other, commit its row, and print the figures as JSON."""
    rows = Rows(database)
    if len(paths) > 1:  # a single file measures the start
        classify(paths[0])
    first, cpu, begun = 0.0, time.process_time(), time.perf_counter()
    for path in paths:
        rows.write(path, classify(path))
        first = first or time.time()
    seconds = time.perf_counter() - begun
    report(images=len(paths), seconds=seconds, cpu_seconds=time.process_time() - cpu, first_row_at=first)


def over_stream(read: Callable[[], Any], classify: Callable[[Any], Sequence[tuple[str, float]]], database: str,
                seconds: float) -> None:  # fmt: skip
    """Classify frames of a camera for `seconds`, commit the rows, and print the figures as JSON."""
    rows = Rows(database)
    classify(read())
    latencies = []
    cpu, begun = time.process_time(), time.perf_counter()
    while time.perf_counter() - begun < seconds:
        image = read()
        arrived = time.perf_counter()
        rows.write("camera", classify(image))
        latencies.append(1000 * (time.perf_counter() - arrived))
    elapsed = time.perf_counter() - begun
    report(
        images=len(latencies), seconds=elapsed, cpu_seconds=time.process_time() - cpu,
        latency_ms=statistics.median(latencies), latency_p99_ms=sorted(latencies)[int(0.99 * len(latencies))],
    )  # fmt: skip


def report(**figures: Any) -> None:
    """Print one line of JSON, with the peak of the resident memory [MB]."""
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({**figures, "peak_mb": int(peak) / 1024}))
