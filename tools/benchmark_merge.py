"""Measure how fast `edgecls merge` is (new database, existing one, repeated) and how fast `edgecls clock` corrects times.

python tools/benchmark_merge.py --devices 4 --rows 250000
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

from edgecls.database.clock.correction import correct_boot
from edgecls.database.row_values import INSERT_RESULT, result_values
from edgecls.database.store import Store
from edgecls.records import Classification, Prediction
from edgecls.results.merge.merge import merge
from edgecls.results.merge.merge_input import MergeInput

LABELS = tuple(f"species {n:02}" for n in range(20))


def main() -> None:
    """Build the databases, merge them and print rows a minute."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=4, help="number of devices (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=250_000, help="rows of each device (default: %(default)s)")
    parser.add_argument("--work-dir", type=Path, help="folder for the databases (default: the temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.work_dir) as name:
        folder = Path(name)
        paths = [folder / f"device{n}.db" for n in range(options.devices)]
        for n, path in enumerate(paths):
            build(path, n, options.rows)
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{options.devices} databases of {options.rows:,} rows each, {megabytes:.0f} MB in all")
        first, *others = [MergeInput(path) for path in paths]
        out = folder / "all.db"
        report("all into a new database", folder / "new.db", [first, *others])
        report("one into a new database", out, [first])
        report("the others into it", out, others)
        report("all a second time", out, [first, *others])
        report_correction(paths[0], options.rows)


def build(path: Path, device: int, rows: int) -> None:
    """Write a database like a daemon's, in one transaction."""
    with Store(path) as store:
        store.begin_run(
            sha256="ab" * 32, model_name="birds", labels=LABELS, metrics={}, device=f"device{device}",
            source="folder:inbox", version="0", config={"device": device},
        )  # fmt: skip
        with store.database.atomic():
            store.database.conn.executemany(INSERT_RESULT, (result_values(1, row) for row in frames(device, rows)))
        store.end_run("built")


def frames(device: int, rows: int) -> Iterator[Classification]:
    """Yield a classified file for each minute."""
    chance = random.Random(device)
    began = datetime(2025, 1, 1, tzinfo=timezone.utc)
    for n in range(rows):
        at, score = began + timedelta(minutes=n), chance.random()
        top = tuple(Prediction(label, score / (k + 1)) for k, label in enumerate(chance.sample(LABELS, 5)))
        key = f"{at:%Y-%m-%d}/{n:08}.jpg#{chance.getrandbits(128):032x}"
        yield Classification(
            "folder:inbox", key, f"/srv/inbox/{at:%Y-%m-%d}/{n:08}.jpg", at, at, top[0].label, score, top, 2.5, 12.3
        )


def report(step: str, out: Path, inputs: list[MergeInput]) -> None:
    """Merge and print the time."""
    begun = time.perf_counter()
    merged = merge(out, inputs)
    seconds = time.perf_counter() - begun
    rows = sum(one.rows for one in merged)
    print(f"{step:<26} {rows:>10,} rows {seconds:7.1f} s {rows / seconds * 60:>12,.0f} rows a minute")


def report_correction(path: Path, rows: int) -> None:
    """Move the times of a device's rows by an hour and print the time."""
    with Store(path) as store:
        begun = time.perf_counter()
        correct_boot(store.database, 1, 3600.0)
        seconds = time.perf_counter() - begun
    print(f"{'times of one corrected':<26} {rows:>10,} rows {seconds:7.1f} s {rows / seconds:>12,.0f} rows a second")


if __name__ == "__main__":
    main()
