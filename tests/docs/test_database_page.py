"""The page of the database schema names every table and column."""

import re

import pytest
from pages import DOCS

from edgecls.database.store import Store

INTERNAL = re.compile(r"sqlite_|results_text_|_sqlite_migrations|daily_counts_up_to")


@pytest.fixture
def tables(tmp_path):
    """Return table name -> columns of a new database."""
    with Store(tmp_path / "results.db") as store:
        names = [name for name in store.database.table_names() if not INTERNAL.match(name)]
        return {name: [column.name for column in store.database[name].columns] for name in names}


def test_every_table_and_column_is_on_the_page(tables):
    page = (DOCS / "reference" / "database.md").read_text("utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    missing = {name: [column for column in columns if f"`{column}`" not in rows.get(name, "")]
               for name, columns in tables.items()}  # fmt: skip
    assert {name: columns for name, columns in missing.items() if columns} == {}
    assert {"models", "runs", "results", "reviews"} <= set(tables)
