"""The units, by systemd's own tools where they are installed."""

import re
import shutil
import subprocess

import pytest
from paths import ROOT

from edgecls.service.files import Instance, contents

SYSTEMD = ROOT / "systemd"


@pytest.fixture(scope="module")
def analyze():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")

    def analyze(*arguments):
        return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True)

    return analyze


@pytest.fixture
def unit(tmp_path):
    """The path of an instance's unit as it is installed, with its drop-in; /usr/bin/env stands for edgecls."""

    def unit(name, *, camera=False):
        instance = Instance(name)
        for path, text in contents(instance, "/usr/bin/env", camera=camera).items():
            if path.suffix == ".service" or path == instance.camera_path:
                where = tmp_path / path.relative_to("/etc/systemd/system")
                where.parent.mkdir(exist_ok=True)
                where.write_text(text)
        if name:
            (tmp_path / instance.unit).write_text((tmp_path / instance.template).read_text())
        return tmp_path / instance.unit

    return unit


@pytest.mark.parametrize(("name", "camera"), [(None, False), ("gate", False), (None, True), ("gate", True)])
def test_systemd_finds_nothing_wrong(analyze, unit, name, camera):
    done = analyze("verify", "--man=no", str(unit(name, camera=camera)))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", [None, "gate"])
def test_exposure(analyze, unit, name):
    """0.2 with systemd 252."""
    done = analyze("security", "--offline=yes", "--threshold=15", str(unit(name)))
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a file")
    assert done.returncode == 0, done.stdout


def test_the_template_differs_only_in_what_is_an_instances_own():
    one, template = ((SYSTEMD / name).read_text("utf-8") for name in ("edgecls.service", "edgecls@.service"))
    one = (
        one.replace("edgecls\n[Unit]", "edgecls (%i)\n[Unit]")
        .replace("classifier edgecls\n", "classifier edgecls (%i)\n")
        .replace("service install`", "service install NAME`")
        .replace("edit edgecls.service", "edit edgecls@NAME.service")
        .replace("/etc/edgecls/edgecls.toml", "/etc/edgecls/%i.toml")
        .replace("StateDirectory=edgecls", "StateDirectory=edgecls/%i")
        .replace("/var/lib/edgecls\n", "/var/lib/edgecls/%i\n")
    )
    assert one == template


def test_the_unit_waits_for_what_the_daemon_does():
    settings = dict(re.findall(r"^(\w+)=(.*)$", (SYSTEMD / "edgecls.service").read_text("utf-8"), re.MULTILINE))
    assert settings["Type"] == "notify"
    assert "78" in settings["RestartPreventExitStatus"].split()
    assert "HUP" in settings["ExecReload"]
    assert int(settings["WatchdogSec"]) >= 4


def test_the_user_and_the_folders(tmp_path):
    """By systemd's tools, in an empty image."""
    if shutil.which("systemd-sysusers") is None or shutil.which("systemd-tmpfiles") is None:
        pytest.skip("no systemd-sysusers or systemd-tmpfiles here")
    (tmp_path / "etc").mkdir()
    paths = []
    for path, text in contents(Instance("gate"), "edgecls", camera=False).items():
        if path.suffix == ".conf":
            paths.append(tmp_path / path.name)
            paths[-1].write_text(text)
    (user,) = (path for path in paths if "sysusers" in path.read_text())
    (folders,) = (path for path in paths if path != user)
    root = f"--root={tmp_path}"
    assert subprocess.run(["systemd-sysusers", root, user], capture_output=True).returncode == 0
    number = re.search(r"^edgecls:x:(\d+):", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)[1]
    done = subprocess.run(["systemd-tmpfiles", "--create", root, folders], capture_output=True, text=True)
    inbox = tmp_path / "var/lib/edgecls/gate/inbox"
    assert inbox.is_dir(), done.stderr
    assert (inbox.stat().st_uid, inbox.stat().st_mode & 0o7777) == (int(number), 0o2775)
