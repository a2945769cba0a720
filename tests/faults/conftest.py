"""The faults at their full counts: minutes, not seconds, so they have a run of their own: `pytest tests/faults`.

What each test has counted is printed at the end as lines of a table, which docs/experiments/faults.md shows.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from daemons import Place

COUNTED = pytest.StashKey[list]()


@pytest.fixture
def place(tmp_path, temporary_folder):
    """A folder with a daemon's configuration in it, and nothing else."""
    return Place(tmp_path, temporary_folder)


@pytest.fixture
def counted(request, record_property):
    """Note what a test is about to do, and what came of it: `counted(fault, how_often, outcome)`."""
    begun = time.monotonic()

    def counted(fault, how_often, outcome):
        line = f"| {fault} | {how_often} | {outcome} | {time.monotonic() - begun:.0f} |"
        record_property("counted", line)
        request.config.stash.setdefault(COUNTED, []).append(line)

    return counted


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(COUNTED, [])
    if lines:
        terminalreporter.section("faults")
        for line in ("| fault | how often | outcome | s |", "| --- | --- | --- | --- |", *lines):
            terminalreporter.write_line(line)


@pytest.fixture
def need():
    """Skip a test whose means are missing here; where CI promises them, that is a failure."""

    def need(there, what):
        if not there:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(what)

    return need


class Disk:
    """A file system in memory, of as many KiB as it is given."""

    def __init__(self, folder):
        self.folder = folder

    def resize(self, kib):
        subprocess.run(["mount", "-o", f"remount,size={kib}k", self.folder], check=True)

    @property
    def free(self):
        return os.statvfs(self.folder).f_bfree


@pytest.fixture
def disk(need):
    folder = Path(tempfile.mkdtemp())
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode:
        folder.rmdir()
    need(not done.returncode, f"may not mount a tmpfs here: {done.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()
