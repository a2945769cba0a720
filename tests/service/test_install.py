import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.device.configuration.config import read_config
from edgecls.errors import UsageError
from edgecls.service.files import Instance, _quoted, hidden_from_unit, start_command
from edgecls.service.install import install, status, uninstall

UNIT = "etc/systemd/system"


@pytest.fixture
def root(tmp_path):
    """An empty image."""
    (tmp_path / "image").mkdir()
    return tmp_path / "image"


def files(root):
    return {str(path.relative_to(root)): path.lstat().st_mtime_ns for path in root.rglob("*") if not path.is_dir()}


def states(steps):
    return {str(path).lstrip("/"): state for path, state in steps}


def test_everything_is_put_in_place_and_the_second_time_changes_nothing(root):
    first = states(install(Instance(), root))
    assert set(first.values()) == {"written"}
    assert set(first) == set(files(root)) == {
        "etc/sysusers.d/edgecls.conf",
        "etc/tmpfiles.d/edgecls.conf",
        f"{UNIT}/edgecls.service",
        f"{UNIT}/multi-user.target.wants/edgecls.service",
        "etc/edgecls/edgecls.toml",
    }  # fmt: skip
    before = files(root)
    again = states(install(Instance(), root))
    assert again.pop("etc/edgecls/edgecls.toml") == "kept"
    assert set(again.values()) == {"unchanged"}
    assert files(root) == before
    assert os.readlink(root / UNIT / "multi-user.target.wants/edgecls.service") == "/etc/systemd/system/edgecls.service"


def test_the_services_user_can_read_what_a_careful_root_installs(root):
    before = os.umask(0o077)
    try:
        install(Instance(), root)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*") if not path.is_symlink()}
    assert set(modes.values()) == {0o755, 0o644}


def test_an_edited_configuration_stays_and_an_edited_unit_does_not(root):
    install(Instance(), root)
    config, unit = root / "etc/edgecls/edgecls.toml", root / UNIT / "edgecls.service"
    config.write_text('source.path = "/srv"')
    unit.write_text("[Unit]\n")
    assert states(status(Instance(), root))["etc/edgecls/edgecls.toml"] == "edited"
    assert states(status(Instance(), root))[f"{UNIT}/edgecls.service"] == "other"
    assert states(install(Instance(), root))[f"{UNIT}/edgecls.service"] == "replaced"
    assert config.read_text() == 'source.path = "/srv"'
    assert "ExecStart=" in unit.read_text()


def test_status_tells_what_is_wrong_with_a_configuration(root):
    assert set(states(status(Instance(), root)).values()) == {"missing"}
    install(Instance(), root)
    (root / "etc/edgecls/edgecls.toml").write_text("threads = 0")
    assert "edgecls.toml: threads must" in states(status(Instance(), root))["etc/edgecls/edgecls.toml"]


def test_several_instances_share_a_template(root):
    for name in ("gate", "line-2"):
        install(Instance(name), root, camera=name == "gate")
    config = read_config(root / "etc/edgecls/gate.toml")
    assert config.database == Path("/var/lib/edgecls/gate/results.db")
    assert "d /var/lib/edgecls/line-2/inbox 2775 edgecls edgecls -\n" in (
        (root / "etc/tmpfiles.d/edgecls-line-2.conf").read_text()
    )
    assert states(install(Instance("gate"), root))  # without --camera: what was opened stays open
    assert (root / UNIT / "edgecls@gate.service.d/camera.conf").exists()
    removed = states(uninstall(Instance("gate"), root))
    assert f"{UNIT}/edgecls@.service" not in removed
    assert removed["etc/edgecls/gate.toml"] == "kept"
    assert not (root / UNIT / "edgecls@gate.service.d").exists()
    assert states(status(Instance("line-2"), root))["etc/edgecls/line-2.toml"] == "the example"
    assert states(uninstall(Instance("line-2"), root))[f"{UNIT}/edgecls@.service"] == "removed"


def test_the_template_stays_for_an_instance_that_is_not_started_at_boot(root):
    for name in ("gate", "line-2"):
        install(Instance(name), root)
    (root / UNIT / "multi-user.target.wants/edgecls@line-2.service").unlink()  # systemctl disable
    assert f"{UNIT}/edgecls@.service" not in states(uninstall(Instance("gate"), root))
    assert (root / UNIT / "edgecls@.service").exists()
    assert states(uninstall(Instance("line-2"), root))[f"{UNIT}/edgecls@.service"] == "removed"


def test_a_cameras_drop_in_is_kept_up_to_date(root):
    install(Instance(), root, camera=True)
    drop_in = root / UNIT / "edgecls.service.d/camera.conf"
    new = drop_in.read_text()
    drop_in.write_text("[Service]\n# of an older edgecls\n")
    assert states(install(Instance(), root))[f"{UNIT}/edgecls.service.d/camera.conf"] == "replaced"
    assert drop_in.read_text() == new


def test_uninstall_leaves_configuration_and_data(root):
    install(Instance(), root)
    data = root / "var/lib/edgecls/results.db"
    data.parent.mkdir(parents=True)
    data.touch()
    kept = {path for path, state in states(uninstall(Instance(), root)).items() if state == "kept"}
    assert kept == {"etc/edgecls/edgecls.toml", "var/lib/edgecls", "etc/sysusers.d/edgecls.conf"}
    assert set(files(root)) == {"etc/edgecls/edgecls.toml", "var/lib/edgecls/results.db", "etc/sysusers.d/edgecls.conf"}
    assert "removed" not in states(uninstall(Instance(), root)).values()


def test_the_unit_starts_the_interpreter_that_installs(root):
    install(Instance("gate"), root)
    (line,) = [
        line
        for line in (root / UNIT / "edgecls@.service").read_text().splitlines()
        if line.startswith("ExecStart=")
    ]  # fmt: skip
    command, _, arguments = line.removeprefix("ExecStart=").partition(" run ")
    assert arguments == "--config /etc/edgecls/%i.toml"
    assert subprocess.run([*command.split(), "--version"], capture_output=True, text=True).stdout.startswith("edgecls ")


def test_an_interpreter_within_the_image_is_named_as_the_image_sees_it(root, monkeypatch):
    for folder in ("opt/edge cls/bin", "home/me/bin"):
        (root / folder).mkdir(parents=True)
        (root / folder / "edgecls").touch()
    monkeypatch.setattr(sys, "executable", str(root / "opt/edge cls/bin/python"))
    assert start_command(root) == '"/opt/edge cls/bin/edgecls"'
    assert hidden_from_unit(root) is None
    monkeypatch.setattr(sys, "executable", str(root / "home/me/bin/python"))
    assert hidden_from_unit(root) == "/home/me/bin/python"


@pytest.mark.parametrize(
    ("word", "quoted"), [("/opt/a", "/opt/a"), ("/o p/100%", '"/o p/100%%"'), ("/$x", "/$$x"), ('/"', '"/\\""')]
)
def test_what_systemd_would_replace_is_quoted(word, quoted):
    assert _quoted(word) == quoted


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "edgecls", "inbox", "a@b", "\u00e9"])
def test_names_that_cannot_be(name):
    with pytest.raises(UsageError, match="cannot name a service"):
        Instance(name)
