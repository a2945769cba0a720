"""The README's first commands do what the README says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

pytest.importorskip("elpv_dataset", reason="the demo's photographs are in the extra `demo`")
pytest.importorskip("tensorflow", reason="the demo trains: it needs the extra `convert`")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The commands, run one after the other in one shell, in a folder that has nothing but tools/ and the README."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copy(ROOT / "README.md", folder)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    demo = subprocess.run(["bash", "tools/demo.sh"], cwd=folder, env=environment, capture_output=True, text=True)
    demo.folder = folder
    return demo


def test_every_command_of_the_readme_succeeds(outcome):
    assert outcome.returncode == 0, outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_every_held_out_photograph_has_its_row_and_most_are_right(outcome):
    answer = outcome.stdout.split("cells    accuracy")[1].splitlines()[2].split()
    assert int(answer[0]) == 656
    assert float(answer[1]) > 0.82


def test_the_logged_rows_are_as_accurate_as_was_measured(outcome):
    """What `convert` says of the int8 model on the test images is what the daemon then achieves on them."""
    measured = next(line.split()[1] for line in outcome.stdout.splitlines() if line.startswith("int8 "))
    logged = outcome.stdout.split("cells    accuracy")[1].splitlines()[2].split()[1]
    assert float(logged) == pytest.approx(float(measured), abs=5e-5)


def test_the_library_example_runs(outcome):
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    run = subprocess.run([sys.executable, "-c", example], cwd=outcome.folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("defective ")
    assert "functional " in run.stdout
