"""The files of a service: their paths and contents."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import InputNotFound, UsageError

STATE = Path("/var/lib/edgecls")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TAKEN = {"edgecls", "inbox"}  # the configuration and a folder of the service without a name
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # not used, only named
"""The folders that ProtectHome= and PrivateTmp= of the unit hide."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One daemon: the only one (`name` is None), or one of several."""

    name: str | None = None

    def __post_init__(self) -> None:
        if self.name is not None and (not _NAME.fullmatch(self.name) or self.name in _TAKEN):
            raise UsageError(
                f"{self.name!r} cannot name a service: take another, of letters, digits, - and _, such as gate-2"
            )

    @property
    def unit(self) -> str:
        """The name of the unit."""
        return f"edgecls@{self.name}.service" if self.name else "edgecls.service"

    @property
    def template(self) -> str:
        """The unit's file."""
        return "edgecls@.service" if self.name else "edgecls.service"

    @property
    def unit_path(self) -> Path:
        """The path of the unit file, which all instances share."""
        return Path("/etc/systemd/system", self.template)

    @property
    def link_path(self) -> Path:
        """Whose presence has it started at boot."""
        return Path("/etc/systemd/system/multi-user.target.wants", self.unit)

    @property
    def camera_path(self) -> Path:
        """The drop-in that lets it use a camera."""
        return Path("/etc/systemd/system", f"{self.unit}.d", "camera.conf")

    @property
    def config_path(self) -> Path:
        """Its configuration."""
        return Path("/etc/edgecls", f"{self.name or 'edgecls'}.toml")

    @property
    def state(self) -> Path:
        """Its folder for database and inbox."""
        return STATE / self.name if self.name else STATE

    @property
    def tmpfiles_path(self) -> Path:
        """The path of the file that creates its folders at boot."""
        return Path("/etc/tmpfiles.d", f"edgecls-{self.name}.conf" if self.name else "edgecls.conf")


SYSUSERS = Path("/etc/sysusers.d/edgecls.conf")


def shipped(name: str) -> str:
    """Read a file of systemd/: of the wheel, or of the source tree. Raises InputNotFound."""
    package = Path(__file__).parents[1]
    for folder in (package / "systemd", package.parent / "systemd"):
        if (folder / name).is_file():
            return (folder / name).read_text("utf-8")
    raise InputNotFound(f"this installation lacks its file systemd/{name}: install edgecls again")


def example_config(name: str | None) -> str:
    """Return the configuration of a new service: the ImageNet model, with an inbox and a database of its own."""
    pattern = re.compile(rf'^(\w+ = "){STATE}/', re.MULTILINE)  # of the settings that are not commented out
    return pattern.sub(rf"\g<1>{Instance(name).state}/", shipped("edgecls.toml"))


def contents(instance: Instance, program: str, *, camera: bool) -> dict[Path, str]:
    """Return the files that each installation writes, path -> text; `program` starts edgecls."""
    unit = shipped(instance.template).replace("ExecStart=/usr/bin/edgecls ", f"ExecStart={program} ")
    folders = "".join(
        f"d {folder} {mode} edgecls edgecls -\n"
        for folder, mode in {STATE: "0755", instance.state: "0755", instance.state / "inbox": "2775"}.items()
    )
    head = "".join(line for line in shipped("tmpfiles.conf").splitlines(keepends=True) if line.startswith("#"))
    texts = {
        SYSUSERS: shipped("sysusers.conf"),
        instance.tmpfiles_path: head + folders,
        instance.unit_path: unit,
    }
    return texts | {instance.camera_path: shipped("camera.conf")} if camera else texts


def start_command(root: Path) -> str:
    """Return the command that starts the running edgecls, as ExecStart= of a unit takes it.

    Within `root`, if that is where it lies. The interpreter is not resolved: it is that of a virtual environment.
    """
    interpreter = Path(sys.executable)
    script = interpreter.with_name("edgecls")
    words = [script] if script.is_file() else [interpreter, Path("-m"), Path("edgecls")]
    return " ".join(_quoted(str(_inside(root, word))) for word in words)


def _inside(root: Path, path: Path) -> Path:
    return Path("/") / path.relative_to(root) if root != Path("/") and path.is_relative_to(root) else path


def _quoted(word: str) -> str:
    """Escape %, $, backslashes and spaces for a systemd unit."""
    word = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{word}"' if re.search(r"[\s'\"]", word) else word


def hidden_from_unit(root: Path) -> str | None:
    """Return the path of this interpreter that the unit cannot see, or None."""
    for path in (Path(sys.executable), Path(os.path.realpath(sys.executable))):
        inside = str(_inside(root, path))
        if inside.startswith(tuple(f"{folder}/" for folder in _HIDDEN)):
            return inside
    return None
