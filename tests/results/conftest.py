import pytest
from database_fixtures import path, read, store  # noqa: F401
from merging import Device, opened


@pytest.fixture
def out(tmp_path):
    (tmp_path / "merged").mkdir()
    return tmp_path / "merged" / "all.db"


@pytest.fixture
def devices(tmp_path):
    """Write two devices whose frames have the same keys, from sources of one name."""
    porch, gate = Device(tmp_path, "porch"), Device(tmp_path, "gate", sha256="cd" * 32)
    yield porch.write("1", "2", "3"), gate.write("1", "2", label="lynx")
    porch.store.close()
    gate.store.close()


@pytest.fixture(autouse=True)
def close_stores():
    """Close the stores of a test's devices; Python 3.13 warns of an unclosed one."""
    yield
    while opened:
        opened.pop().close()
