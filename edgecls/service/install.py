"""Puts a service in place, takes it away again, and looks what is there. Every step may be repeated."""

import contextlib
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from edgecls.errors import EdgeclsError, IoFailed, from_os_error
from edgecls.files import write_atomically
from edgecls.service.files import SYSUSERS, Instance, contents, example_config, hidden_from_unit, start_command

log = logging.getLogger(__name__)

HERE = Path("/")
"""The root of the running system; any other is an image that is being built, where nothing is started."""


class Step(NamedTuple):
    """A path, and what was done with it or its state."""

    path: Path
    state: str


def install(instance: Instance, root: Path = HERE, *, camera: bool = False) -> list[Step]:
    """Write unit, user, folders and, if there is none yet, a configuration; enable the unit.

    A configuration that exists is never touched. Without `root`, the user and the folders are made at once, and
    systemd reloads its units; in an image that happens when it boots. Raises InputNotFound and IoFailed.
    """
    if hidden := hidden_from_unit(root):
        log.warning("%s lies where the unit cannot see it: install edgecls in /opt, and run this command there", hidden)
    camera = camera or _in(root, instance.camera_path).exists()  # what was opened stays open, and is kept up to date
    with _readable_by_all():
        steps = [
            Step(path, _write(_in(root, path), text))
            for path, text in contents(instance, start_command(root), camera=camera).items()
        ]
        steps.append(
            Step(instance.config_path, _write_once(_in(root, instance.config_path), example_config(instance.name)))
        )
        steps.append(Step(instance.link_path, _link(_in(root, instance.link_path), instance.unit_path)))
    if root == HERE:
        _run("systemd-sysusers", str(SYSUSERS))
        _run("systemd-tmpfiles", "--create", str(instance.tmpfiles_path))
        _run("systemctl", "daemon-reload")
    return steps


@contextlib.contextmanager
def _readable_by_all() -> Iterator[None]:
    """Give new files and folders the modes of /etc: under root's own umask the service's user might not read them."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def uninstall(instance: Instance, root: Path = HERE) -> list[Step]:
    """Stop it and remove what `install` wrote, but for configuration, user and data. Raises IoFailed."""
    if root == HERE and _in(root, instance.unit_path).exists():
        _run("systemctl", "stop", instance.unit)
    gone = [instance.link_path, instance.camera_path, instance.tmpfiles_path]
    if not any(_others(instance, root)):
        gone.append(instance.unit_path)
    steps = [Step(path, _remove(_in(root, path))) for path in gone]
    camera_folder = _in(root, instance.camera_path).parent
    if camera_folder.is_dir() and not os.listdir(camera_folder):
        camera_folder.rmdir()
    if root == HERE:
        _run("systemctl", "daemon-reload")
    kept = [instance.config_path, instance.state, SYSUSERS]
    return steps + [Step(path, "kept") for path in kept if _in(root, path).exists()]


def status(instance: Instance, root: Path = HERE) -> list[Step]:
    """Return the state of each file: `current`, `other` (of another edgecls, or edited), or `missing`."""
    steps = []
    for path, text in contents(instance, start_command(root), camera=_in(root, instance.camera_path).exists()).items():
        steps.append(Step(path, _compare(_in(root, path), text)))
    config = _in(root, instance.config_path)
    steps.append(Step(instance.config_path, _config_state(config, instance)))
    steps.append(
        Step(instance.link_path, "started at boot" if _in(root, instance.link_path).is_symlink() else "missing")
    )
    if root == HERE:
        steps.append(Step(Path(instance.unit), _run("systemctl", "is-active", instance.unit, may_fail=True)))
    return steps


def _in(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _others(instance: Instance, root: Path) -> Iterator[Path]:
    """Return the instances of the same template that are installed, whether or not they start at boot."""
    if instance.name:
        links = _in(root, instance.link_path).parent.glob("edgecls@*.service")
        folders = _in(root, instance.tmpfiles_path).parent.glob("edgecls-*.conf")
        yield from (path for path in links if path.name != instance.unit)
        yield from (path for path in folders if path.name != instance.tmpfiles_path.name)


def _write(path: Path, text: str) -> str:
    before = _compare(path, text)
    if before == "current":
        return "unchanged"
    _make_folder(path.parent)
    write_atomically(path, text.encode())
    return "written" if before == "missing" else "replaced"


def _write_once(path: Path, text: str) -> str:
    return "kept" if path.exists() else _write(path, text)


def _compare(path: Path, text: str) -> str:
    try:
        return "current" if path.read_text("utf-8") == text else "other"
    except FileNotFoundError:
        return "missing"
    except (OSError, UnicodeDecodeError):
        return "other"


def _config_state(path: Path, instance: Instance) -> str:
    from edgecls.device.configuration.config import parse_config

    compared = _compare(path, example_config(instance.name))
    if compared != "other":
        return {"current": "the example", "missing": "missing"}[compared]
    try:
        parse_config(path.read_bytes(), path)
    except (EdgeclsError, OSError) as error:
        return f"wrong: {error}"
    return "edited"


def _link(path: Path, target: Path) -> str:
    """Enable the unit as `systemctl enable` does, also in an image, where systemctl cannot run."""
    if path.is_symlink() and os.readlink(path) == str(target):
        return "unchanged"
    _make_folder(path.parent)
    _remove(path)
    try:
        path.symlink_to(target)
    except OSError as error:
        raise from_os_error(error, f"cannot write {path}") from error
    return "written"


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"cannot create {path}") from error


def _remove(path: Path) -> str:
    try:
        path.unlink()
    except FileNotFoundError:
        return "was not there"
    except OSError as error:
        raise from_os_error(error, f"cannot remove {path}") from error
    return "removed"


def _run(*command: str, may_fail: bool = False) -> str:
    """Run a tool of systemd; returns what it says. Raises IoFailed."""
    if shutil.which(command[0]) is None:
        raise IoFailed(f"there is no {command[0]} here: install systemd, or name an image with --root DIR")
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    if done.returncode and not may_fail:
        raise IoFailed(f"{' '.join(command)} failed ({lines[-1] if lines else done.returncode}): run it by hand")
    return lines[0] if lines else "unknown"


def next_steps(instance: Instance, root: Path = HERE) -> list[str]:
    """Return the commands that are left to the user after `install`."""
    if root != HERE:
        return [f"{instance.unit} starts when the image boots; its configuration is {instance.config_path}"]
    return [
        f"edit {instance.config_path}, then: systemctl restart {instance.unit}",
        f"pictures go into {instance.state / 'inbox'}, results into {instance.state}: for members of the group edgecls",
    ]
