"""The outputs on the page about merging are those of the commands."""

import shutil

import pytest
from machines import Machine
from pages import check_outputs

from edgecls.database.store import Store

NOON = 1_795_521_600.0  # 2026-11-24T12:00Z


def write(machine, path, count, label="tabby"):
    with Store(path, clock=machine.clock) as store:
        machine.begin(store, source="folder:inbox")
        for _ in range(count):
            machine.up += 60
            store.write(machine.frame(f"{machine.boot_id}-{machine.up:.0f}", label=label, source="folder:inbox"))


@pytest.fixture
def databases(tmp_path, monkeypatch):
    """Write databases of three devices; the shed's has no clock with a battery, and no network on one day."""
    monkeypatch.chdir(tmp_path)
    for name, count in (("porch", 3), ("gate", 2)):
        write(Machine(f"{name} boot", NOON, name), tmp_path / f"{name}.db", count)
    shutil.copy(tmp_path / "porch.db", tmp_path / "copy.db")
    write(Machine("another", NOON, "porch"), tmp_path / "copy.db", 4, "lynx")
    shed = Machine("5d0c9a41", device="shed")
    write(shed, tmp_path / "shed.db", 4)
    shed.lead = NOON
    write(shed, tmp_path / "shed.db", 2)
    write(Machine("e77b2f06", device="shed"), tmp_path / "shed.db", 3)


@pytest.mark.usefixtures("databases")
def test_outputs():
    check_outputs("how-to/merge.md")
