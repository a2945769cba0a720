from contextlib import closing

import pytest
from example_rows import begin
from merging import Device, opened

from edgecls.results.queries import open_results
from edgecls.results.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.db"


@pytest.fixture
def store(path):
    """A store with a run begun."""
    with Store(path) as store:
        begin(store)
        yield store


@pytest.fixture
def read(path):
    """Ask the database one SQL question."""

    def ask(sql):
        with closing(open_results(path)) as db:
            return db.execute(sql).fetchall()

    return ask


@pytest.fixture
def out(tmp_path):
    (tmp_path / "merged").mkdir()
    return tmp_path / "merged" / "all.db"


@pytest.fixture
def devices(tmp_path):
    """Two that give their frames the same keys, from sources of one name."""
    porch, gate = Device(tmp_path, "porch"), Device(tmp_path, "gate", sha256="cd" * 32)
    yield porch.write("1", "2", "3"), gate.write("1", "2", label="lynx")
    porch.store.close()
    gate.store.close()


@pytest.fixture(autouse=True)
def close_stores():
    """Those of the devices that a test has made: an unclosed one is a warning from Python 3.13 on."""
    yield
    while opened:
        opened.pop().close()
