"""The rooms of the house: each imports only from the rooms below it, and none in circles. The floors are in pyproject.toml."""

import subprocess
import sys

import pytest
from paths import ROOT

pytest.importorskip("importlinter", reason="needs the extra `dev`")

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def test_no_room_imports_from_a_room_above_it_and_none_in_circles():
    done = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
