"""The faults at their full counts take minutes and have their own run: `pytest tests/faults`.

The counts of each test are printed at the end as lines of the table in docs/experiments/faults.md.
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
    """Create a folder with a daemon's configuration."""
    return Place(tmp_path, temporary_folder)


@pytest.fixture
def counted(request, record_property):
    """Record a row of the table: `counted(fault, how_often, outcome)`."""
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
    """Skip a test whose requirements are missing here; in CI, fail it."""

    def need(available, message):
        if not available:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(message)

    return need


class Disk:
    """A file system in memory, of a given number of KiB."""

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
