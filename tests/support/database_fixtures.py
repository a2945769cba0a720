"""Fixtures of a results database in a temporary folder, for `database` and `results`."""

from contextlib import closing

import pytest
from example_rows import begin

from edgecls.database.reading import open_results
from edgecls.database.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.db"


@pytest.fixture
def store(path):
    """Open a store with a run that has begun."""
    with Store(path) as store:
        begin(store)
        yield store


@pytest.fixture
def read(path):
    """Run one SQL query on the database."""

    def ask(sql):
        with closing(open_results(path)) as db:
            return db.execute(sql).fetchall()

    return ask
