"""The tests run what is installed; of a wheel, that is not the source tree that they lie in."""

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import edgecls
from edgecls.model.bundled import default_model
from edgecls.service.files import shipped

SYSTEMD = ("camera.conf", "edgecls.service", "edgecls@.service", "edgecls.toml", "sysusers.conf", "tmpfiles.conf")
PACKAGE = Path(edgecls.__file__).parent


def is_editable():
    about = json.loads(distribution("edgecls").read_text("direct_url.json") or "{}")
    return about.get("dir_info", {}).get("editable", False)


of_a_wheel = pytest.mark.skipif(is_editable(), reason="edgecls is installed editable: its source tree is what runs")


@of_a_wheel
def test_what_is_tested_is_what_is_installed():
    assert Path(distribution("edgecls").locate_file("edgecls")) == PACKAGE


def test_a_child_process_runs_the_same():
    script = "import edgecls\nprint(edgecls.__file__)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == Path(edgecls.__file__)


@of_a_wheel
def test_model_and_units_lie_within_the_package():
    assert default_model().parent == PACKAGE / "models"
    assert {path.name for path in (PACKAGE / "systemd").iterdir()} >= set(SYSTEMD)


@pytest.mark.parametrize("name", SYSTEMD)
def test_a_file_of_the_service_is_there(name):
    assert shipped(name)
