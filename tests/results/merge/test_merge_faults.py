"""What goes wrong while databases are merged."""

import itertools
import os
import signal
import subprocess
import sys

import pytest
from children import import_path
from merging import ROWS, everything, inputs, read
from paths import SUPPORT

from edgecls.database.store import Store
from edgecls.errors import BadDatabase, InputNotFound, Unavailable, UsageError
from edgecls.results.merge import merge_input
from edgecls.results.merge.merge import merge

pytestmark = pytest.mark.slow


def test_files_that_cannot_be_merged(devices, out, tmp_path):
    porch, gate = devices
    with pytest.raises(UsageError, match=r"porch\.db is named twice: name each database once"):
        merge(out, inputs(porch, gate, porch))
    merge(out, inputs(porch))
    (out.parent / "link.db").symlink_to(out)
    with pytest.raises(UsageError, match=r"link\.db is OUT itself"):
        merge(out, inputs(gate, out.parent / "link.db"))
    with pytest.raises(InputNotFound, match=r"none\.db"):
        merge(out, inputs(gate, tmp_path / "none.db"))
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(BadDatabase, match=r"text\.db is not a SQLite database"):
        merge(out, inputs(gate, tmp_path / "text.db"))
    with pytest.raises(InputNotFound, match=r"there/all\.db: the folder .* does not exist"):
        merge(tmp_path / "there" / "all.db", inputs(gate))
    gate.store.database.execute("UPDATE edgecls SET schema_version = 2")
    with pytest.raises(BadDatabase, match=r"gate\.db has schema version 2, but"):
        merge(out, inputs(porch, gate))
    assert len(read(out, ROWS)) == 3


def test_a_damaged_input_is_named_and_nothing_is_merged(devices, out, monkeypatch):
    monkeypatch.setattr(merge_input, "BATCH", 50)
    porch, gate = devices
    gate.write(*(f"n{n}" for n in range(2000)))
    gate.store.close()
    size = gate.path.stat().st_size
    with gate.path.open("r+b") as file:
        file.truncate(size // 2)
    merge(out, inputs(porch))
    before = everything(out)
    with pytest.raises(BadDatabase, match=r"gate\.db is damaged"):
        merge(out, inputs(porch, gate))
    assert everything(out) == before
    with pytest.raises(BadDatabase, match=r"gate\.db is damaged"):
        merge(out.with_name("new.db"), inputs(porch, gate))
    assert [file.name for file in out.parent.iterdir()] == ["all.db"]


def test_an_input_with_a_text_that_is_none(devices, out):
    devices[0].store.database.execute("UPDATE results SET path = CAST(x'ff' AS TEXT) WHERE key = '2'")
    with pytest.raises(BadDatabase, match=r"porch\.db contains text that is not valid UTF-8"):
        merge(out, inputs(*devices))
    assert not out.exists()


def test_an_out_that_another_process_holds(devices, out, monkeypatch):
    monkeypatch.setattr("edgecls.database.connection.BUSY_TIMEOUT_S", 0.1)
    merge(out, inputs(devices[0]))
    with Store(out) as store:
        store.database.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"another process has locked .*all\.db"):
            merge(out, inputs(devices[1]))


def test_a_daemon_goes_on_while_its_database_is_merged(devices, out, monkeypatch):
    porch = devices[0]
    wrote = itertools.count(4)
    add = merge_input.DatabaseMerger._add_models
    monkeypatch.setattr(
        merge_input.DatabaseMerger, "_add_models", lambda one: (porch.write(str(next(wrote))), add(one))[1]
    )
    (one,) = merge(out, inputs(porch))
    assert one.rows == 3  # those of the moment it began
    assert len(read(porch.path, ROWS)) == 4


@pytest.mark.parametrize("there", [True, False])
def test_killed_half_way_changes_nothing(devices, out, there):
    porch, gate = devices
    gate.store.database.execute("BEGIN")
    gate.write(*(f"n{n}" for n in range(20_000)))
    gate.store.database.execute("COMMIT")
    if there:
        merge(out, inputs(porch))
        before = everything(out)
    script = f"""
import os
from pathlib import Path
from edgecls.results.merge import merge_input
from edgecls.results.merge.merge import merge
merge_input.BATCH = 1000
read = merge_input.DatabaseMerger._read
def killed(self, sql):
    for n, rows in enumerate(read(self, sql)):
        if n == 15:
            os.kill(os.getpid(), 9)
        yield rows
merge_input.DatabaseMerger._read = killed
merge(Path({str(out)!r}), [merge_input.MergeInput(Path({str(gate.path)!r}))])
"""
    environment = {**os.environ, "PYTHONPATH": import_path(SUPPORT)}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == -signal.SIGKILL
    if there:
        assert everything(out) == before
    else:
        for half in out.parent.iterdir():  # the file that was to become it, and its journal
            assert half.name.startswith(".all.db.")
            half.unlink()
    assert merge(out, inputs(gate))[0].added == 20_002


def test_interrupted_by_a_person(devices, out, monkeypatch):
    merge(out, inputs(devices[0]))
    before = everything(out)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(merge_input.DatabaseMerger, "_add_reviews", interrupted)
    for name in ("all.db", "new.db"):
        with pytest.raises(KeyboardInterrupt):
            merge(out.with_name(name), inputs(devices[1]))
    assert everything(out) == before
    assert not [file for file in out.parent.iterdir() if not file.name.startswith("all.db")]


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_changes_nothing(devices, small_disk, there):
    porch, gate = devices
    out = small_disk / "all.db"
    if there:
        merge(out, inputs(porch))
        before = everything(out)
    gate.store.database.execute("BEGIN")
    gate.write(*(f"n{n}" for n in range(3000)))
    gate.store.database.execute("COMMIT")
    with pytest.raises(Unavailable, match=r"all\.db.*the disk is full"):
        merge(out, inputs(porch, gate))
    if there:
        assert everything(out) == before
    assert {file.name.removesuffix("-wal").removesuffix("-shm") for file in small_disk.iterdir()} == (
        {"all.db"} if there else set()
    )
