"""Devices with their own databases, and the content of a merged one."""

import itertools
from contextlib import closing

from example_rows import NOON
from machines import EPOCH, Machine

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.results.merge.merge_input import MergeInput

YEARS = (NOON - EPOCH).total_seconds()
boots = itertools.count()
opened = []
"""The stores of a test's devices; `conftest` closes them."""


class Device(Machine):
    """A machine with its own database."""

    def __init__(self, folder, name="pi4", file=None, **changes):
        super().__init__(f"boot {next(boots)}", YEARS, name)
        self.path = folder / f"{file or name}.db"
        self.store = Store(self.path, clock=self.clock)
        opened.append(self.store)
        self.begin(self.store, **changes)

    def write(self, *keys, **changes):
        for key in keys:
            self.up += 1
            self.store.write(self.frame(key, **changes))
        return self

    def review(self, key, label, at, source="camera:0"):
        self.store.database.execute(
            "INSERT OR REPLACE INTO reviews (source, key, model_id, predicted, label, reviewed_at) VALUES (?, ?, 1, 'tabby', ?, ?)",
            (source, key, label, at),
        )


def read(path, sql):
    with closing(open_results(path)) as db:
        return db.execute(sql).fetchall()


def everything(path):
    with closing(open_results(path)) as db:
        tables = ("models", "runs", "results", "reviews", "hourly_counts")
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}


def inputs(*paths):
    return [MergeInput(getattr(path, "path", path)) for path in paths]


ROWS = "SELECT results.source, key, label, device FROM results JOIN runs ON runs.id = run_id ORDER BY results.id"
