"""The commands of the tutorial, which are those of `make demo`, do what the tutorial says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

pytest.importorskip("elpv_dataset", reason="the demo's photographs are in the extra `demo`")
pytest.importorskip("tensorflow", reason="the demo trains: it needs the extra `convert`")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Run the commands in one shell, in a folder that contains only the tools and the tutorial."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "tools", folder / "tools")
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "tutorial.md", folder / "docs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    return subprocess.run(["bash", "tools/demo.sh"], cwd=folder, env=environment, capture_output=True, text=True)


def test_every_command_succeeds(outcome):
    assert outcome.returncode == 0, outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_every_held_out_photograph_has_its_row_and_most_are_right(outcome):
    answer = outcome.stdout.split("cells    accuracy")[1].splitlines()[2].split()
    assert int(answer[0]) == 656
    assert float(answer[1]) > 0.82


def test_the_logged_rows_are_as_accurate_as_was_measured(outcome):
    """The daemon is as accurate on the test images as `convert` measured."""
    measured = next(line.split()[1] for line in outcome.stdout.splitlines() if line.startswith("int8 "))
    logged = outcome.stdout.split("cells    accuracy")[1].splitlines()[2].split()[1]
    assert float(logged) == pytest.approx(float(measured), abs=5e-5)
