"""Measure the time of queries on a large results database, and of writes while others read.

    python tools/benchmark_results.py                       # ten million rows: five gigabytes in a temporary folder
    python tools/benchmark_results.py --rows 1000000
    python tools/benchmark_results.py --database FILE       # a database that an earlier run wrote with `--keep FILE`

The database holds the rows of a year: three devices in succession, five runs, two models, five labels of which one is
rare, 1 % errors, 5 % unknown. The counts and the search index are rebuilt from the rows.

Each query runs six times. The first run warms the cache; the table shows the median of the others. The writer is a
`Store` that writes a row every five milliseconds, first alone, then while other processes read all rows in a loop.
"""

import argparse
import io
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from edgecls.cli.output import write_rows
from edgecls.database.connection import connect, write_transaction
from edgecls.database.derived import rebuild_counts
from edgecls.database.reading import open_results
from edgecls.database.schema import COUNT_TRIGGERS, create_schema
from edgecls.database.search_index import index_batch
from edgecls.database.search_index_schedule import SearchIndex
from edgecls.database.store import Store
from edgecls.database.timestamps import format_timestamp
from edgecls.records import Classification, Prediction
from edgecls.results.queries.filters import Filters
from edgecls.results.queries.periods import Unit
from edgecls.results.queries.rows import COLUMNS, find_rows
from edgecls.results.queries.stats import stats

BEGIN = datetime(2025, 11, 1, tzinfo=timezone.utc)
LABELS = {"tabby": 0.46, "lynx": 0.3, "fox": 0.15, "hedgehog": 0.029, "badger": 0.001}
UNKNOWN, FAILED = 0.05, 0.01
DEVICES = ("yard", "yard", "gate", "gate", "barn")
"""The devices of the runs, in order of time."""


def build(path: Path, rows: int) -> None:
    """Build the database of a year at `path`, with a complete search index."""
    with closing(connect(path, "mode=rwc")) as db:
        for setting in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-500000", "temp_store=MEMORY"):
            db.conn.execute(f"PRAGMA {setting}")
        begun = time.perf_counter()
        create_schema(db)
        for trigger in COUNT_TRIGGERS:
            db.execute(f"DROP TRIGGER {trigger}")  # rebuilt from the rows: much faster
        db.conn.execute("BEGIN")
        db.conn.executemany(_MODEL, [(f"{n}f" * 32, f"cats-{n}", json.dumps(list(LABELS))) for n in (1, 2)])
        length = timedelta(days=365) / len(DEVICES)
        starts = [format_timestamp(BEGIN + n * length) for n in range(len(DEVICES))]
        db.conn.executemany(_RUN, [(1 + n // 3, device, starts[n]) for n, device in enumerate(DEVICES)])
        db.conn.executemany(_RESULT, _rows(rows))
        db.conn.execute("COMMIT")
        print(f"{rows} rows in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        begun = time.perf_counter()
        with write_transaction(db):
            rebuild_counts(db)
        print(f"counted in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        begun = time.perf_counter()
        while index_batch(db, 20_000):
            pass
        print(f"search index built in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_MODEL = "INSERT INTO models (sha256, name, labels, metrics, first_seen) VALUES (?, ?, ?, '{}', '2025-11-01')"
_RUN = """
    INSERT INTO runs (model_id, device, source, version, config, started_at)
    VALUES (?, ?, 'folder', '0.1.0', '{}', ?)
"""
_RESULT = """
    INSERT INTO results (run_id, source, key, path, captured_at, classified_at, label, score, top_k, decode_ms,
                         infer_ms, error)
    VALUES (?, 'folder', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Yield the values of _RESULT in order of time."""
    chance = random.Random(7)
    names, shares = list(LABELS), list(LABELS.values())
    step = timedelta(days=365) / count
    for n in range(count):
        time_of_row = format_timestamp(BEGIN + n * step)
        run = 1 + n * len(DEVICES) // count
        path = f"/srv/{DEVICES[run - 1]}/{time_of_row[:10]}/frame-{n:08}.jpg"
        values = (run, f"{path}@{n * 2654435761 % 2**32:08x}", path, time_of_row, time_of_row)
        fate = chance.random()
        if fate < FAILED:
            yield (*values, None, None, "[]", 2.5, None, "is cut short: 12 of 40 blocks are missing")
            continue
        first = chance.choices(names, shares)[0]
        second = names[(names.index(first) + 1 + n % (len(names) - 1)) % len(names)]
        unsure = fate < FAILED + UNKNOWN
        score = round(0.2 + 0.3 * chance.random() if unsure else 1 - 0.5 * chance.random() ** 3, 6)
        top_k = f'[{{"label": "{first}", "score": {score}}}, {{"label": "{second}", "score": {(1 - score) / 2:.6f}}}]'
        times = (round(2 + chance.random(), 3), round(chance.lognormvariate(2.5, 0.2), 3))
        yield (*values, "unknown" if unsure else first, score, top_k, *times, None)


def queries(db: Database) -> dict[str, Callable[[], object]]:
    """Return the queries by name."""
    day, after = datetime(2026, 3, 1, tzinfo=timezone.utc), datetime(2026, 3, 2, 0, 30, tzinfo=timezone.utc)

    def rows(order: str = "newest", **conditions: Any) -> Callable[[], object]:
        filters = Filters(**{"limit": 100, **conditions})
        return lambda: list(find_rows(db, filters, order))

    def first_exported() -> object:
        out = io.StringIO()
        write_rows(COLUMNS, itertools.islice(find_rows(db, order="oldest"), 1000), "csv", out)
        return out.getvalue()

    return {
        "the newest 100 rows": rows(),
        "a label": rows(labels=("tabby",)),
        "a rare label (1 of 1000)": rows(labels=("badger",)),
        "two labels": rows(labels=("badger", "hedgehog")),
        "a day": rows(since=day, until=after),
        "scores from 0.9999 up": rows(min_score=0.9999),
        "a rare label, scores from 0.99 up": rows(labels=("badger",), min_score=0.99),
        "errors": rows(errors=True),
        "unknown": rows(unknown=True),
        "a device (the oldest)": rows(devices=("yard",)),
        "a run (the oldest), its errors": rows(runs=(1,), errors=True),
        "a model (the older)": rows(models=("cats-1",)),
        "search: a file name": rows(search="frame-01234567.jpg"),
        "search: the beginning of one": rows(search="frame 0123456*"),
        "search: a word of 1 % of the rows": rows(search="missing"),
        "search: a word of all rows": rows(search="jpg"),
        "search: a word of the oldest 40 %": rows(search="yard"),
        "threshold 0.9": rows(threshold=0.9),
        "threshold 0.9, unknown then": rows(threshold=0.9, unknown=True),
        "threshold 0.9, a rare label then": rows(threshold=0.9, labels=("badger",)),
        "lowest scores of a day": rows("score", since=day, until=after),
        "lowest scores of all": rows("score"),
        "highest scores of all": rows("-score"),
        "lowest scores of a rare label": rows("score", labels=("badger",)),
        "highest scores of a device (the oldest)": rows("-score", devices=("yard",)),
        "export: the first 1000 rows": first_exported,
        "stats of a day and a half hour": lambda: stats(db, Filters(since=day, until=after)),
        "stats of a rare label": lambda: stats(db, Filters(labels=("badger",))),
        "stats of all rows": lambda: stats(db),
        "stats of all rows, counts per hour": lambda: stats(db, by=Unit.hour),
        "stats of all rows, counts per day": lambda: stats(db, by=Unit.day),
    }


def time_queries(path: Path) -> None:
    """Print the first and the median time of each query, and its median CPU time, which other processes affect less."""
    print("| query | first [ms] | median [ms] | CPU [ms] |\n| --- | ---: | ---: | ---: |")
    with closing(open_results(path)) as db:
        for name, query in queries(db).items():
            times, cpu_times = [], []
            for _ in range(6):
                begun, cpu_begun = time.perf_counter(), time.process_time()
                query()
                times.append(1000 * (time.perf_counter() - begun))
                cpu_times.append(1000 * (time.process_time() - cpu_begun))
            medians = f"{statistics.median(times[1:]):.1f} | {statistics.median(cpu_times[1:]):.1f}"
            print(f"| {name} | {times[0]:.1f} | {medians} |", flush=True)


READERS = 2


def time_writes(path: Path, seconds: float) -> None:
    """Print the time to commit a row, alone and with concurrent readers."""
    print("\n| writer | rows | median [ms] | longest [ms] |\n| --- | ---: | ---: | ---: |")
    for name, readers in (("alone", 0), (f"with {READERS} readers of all rows", READERS)):
        processes = [subprocess.Popen([sys.executable, __file__, "--read", str(path)]) for _ in range(readers)]
        try:
            time.sleep(1.0 if readers else 0.0)
            times = _write_rows(path, seconds, name)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        print(f"| {name} | {len(times)} | {statistics.median(times):.2f} | {max(times):.1f} |", flush=True)


def _write_rows(path: Path, seconds: float, name: str) -> list[float]:
    """Write rows for `seconds` and return the milliseconds of each."""
    times = []
    with Store(path) as store:
        search_index = SearchIndex(store)
        store.begin_run(
            sha256="1f" * 32, model_name="cats-1", labels=list(LABELS), metrics={}, device="yard", source="folder",
            version="0.1.0", config={},
        )  # fmt: skip
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            key, now = f"{name}-{time.time_ns()}", datetime.now(timezone.utc)
            top_k = (Prediction("tabby", 0.9), Prediction("lynx", 0.05))
            row = Classification("benchmark", key, f"/srv/{key}.jpg", now, now, "tabby", 0.9, top_k, 2.0, 12.0)
            begun = time.perf_counter()
            store.write(row)
            search_index.catch_up()
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(0.005)
        store.end_run("benchmark")
    return times


def read(path: Path) -> None:
    """Read all rows in one statement, in an endless loop; each statement holds a snapshot."""
    while True:
        with closing(open_results(path)) as db:
            for _ in db.execute("SELECT count(*), avg(score), max(infer_ms), max(error) FROM results"):
                pass


def main() -> None:
    """Build the database, time the queries, time the writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows to build (default: %(default)s)")
    parser.add_argument("--database", type=Path, metavar="FILE", help="query and write to this database; build none")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="build the database here and keep it")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each of the two write tests")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read:
        read(arguments.read)
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.database or arguments.keep or Path(folder) / "results.db"
        if not arguments.database:
            build(path, arguments.rows)
        time_queries(path)
        time_writes(path, arguments.seconds)


if __name__ == "__main__":
    main()
