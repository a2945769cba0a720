"""The user that the service runs as, and what its unit lets it see."""

import re
from typing import NamedTuple

from edgecls.doctor.system import System

USER = "edgecls"
"""The user of the units that `edgecls service install` writes."""
_UNITS = "/etc/systemd/system"


class ServiceUser(NamedTuple):
    """A user with its primary group and all of its groups, by number."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def service_user(system: System, unit: str = "edgecls.service") -> ServiceUser | None:
    """Return the user of `unit`, by its files, /etc/passwd and /etc/group; None where there is no such user."""
    settings = unit_settings(system, unit)
    name = (settings.get("User") or [USER])[-1]
    for line in (system.text("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 4:
            added = " ".join(settings.get("SupplementaryGroups", [])).split()
            return ServiceUser(name, int(fields[2]), int(fields[3]), _groups(system, name, int(fields[3]), added))
    return None


def _groups(system: System, user: str, gid: int, added: list[str]) -> tuple[int, ...]:
    groups = {gid}
    for line in (system.text("/etc/group") or "").splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and (user in fields[3].split(",") or fields[0] in added):
            groups.add(int(fields[2]))
    return tuple(sorted(groups))


def unit_of(config_path: str) -> str:
    """Return the unit whose configuration that is."""
    match = re.fullmatch(r"/etc/edgecls/(.+)\.toml", config_path)
    return f"edgecls@{match[1]}.service" if match and match[1] != "edgecls" else "edgecls.service"


def unit_settings(system: System, unit: str) -> dict[str, list[str]]:
    """Return the settings of a unit and its drop-ins: the values of each name, in order. An empty one clears a list."""
    template = re.sub("@.*[.]", "@.", unit)
    drop_ins = {path for name in (template, unit) for path in system.glob(f"{_UNITS}/{name}.d/*.conf")}
    settings: dict[str, list[str]] = {}
    for path in [f"{_UNITS}/{template}", *sorted(drop_ins)]:
        for name, value in re.findall(r"^([A-Z]\w+)=(.*)$", system.text(path) or "", re.MULTILINE):
            if value:
                settings.setdefault(name, []).append(value.strip())
            else:
                settings.pop(name, None)
    return settings
