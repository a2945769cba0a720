"""A check of the permissions of the service, run as its user: root itself may do everything."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from edgecls.doctor.check_result import CheckResult, failed, ok, skipped
from edgecls.doctor.isolated import run_isolated
from edgecls.doctor.service_user import service_user, unit_of, unit_settings
from edgecls.doctor.target import Target

_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # not used, only named
_STATE = "/var/lib/edgecls"
_SANDBOX = ("ProtectHome", "PrivateTmp", "ProtectSystem", "PrivateNetwork")
_WRITES = ("change", "make", "database")


def access(target: Target) -> CheckResult:
    """Check that the user of the service may read configuration, model, database and source, and write where needed."""
    if target.config_path is None or target.configured.error:
        return skipped("no valid configuration: the paths to check are unknown")
    unit = unit_of(str(target.config_path))
    user = service_user(target.system, unit)
    needs = list(_needs(target))
    if user and os.geteuid() not in (0, user.uid):
        return skipped(f"only root can check the permissions of the user {user.name}", "sudo edgecls doctor")
    outcome = run_isolated("access", json.dumps(needs), user=user if os.geteuid() == 0 else None)
    if outcome.error:
        return failed(outcome.error, "run edgecls doctor again; if the error persists, report it")
    who = user.name if user else outcome.value["user"]
    remedies = {
        "missing": "create it, or correct the configuration",
        "closed": f"give {who} access: sudo setfacl -m u:{who}:rwX PATH, or chgrp and chmod; the folders above need x",
        "hidden": f"sudo systemctl edit {unit}, or move it below {_STATE}",
    }
    problems = outcome.value["problems"]
    if str(target.config_path).startswith("/etc/edgecls/"):
        problems += [("hidden", text) for text in _hidden(unit_settings(target.system, unit), needs)]
    if problems:
        kinds = dict.fromkeys(kind for kind, _ in problems)
        return failed("; ".join(text for _, text in problems), "; ".join(remedies[kind] for kind in kinds))
    return ok(f"the user {who} may use {', '.join(dict.fromkeys(part for part, _, _ in needs))}")


Need = tuple[str, str, str]
"""The part of the daemon, a path, and the action there: `read` a file, `list`, `change` or `make` a folder, write a
`database`, or `connect` to an address."""


def _needs(target: Target) -> Iterator[Need]:
    settings = target.configured.value
    yield "configuration", os.path.abspath(str(target.config_path)), "read"
    yield "model", os.path.abspath(target.model_path), "read"
    yield "database", os.path.abspath(target.database_path), "database"
    if settings.get("source") == "folder":
        yield "source", settings["path"], "list" if settings["after"] == "keep" else "change"
        if settings["after"] == "move":
            yield "source", settings["done_folder"], "make"
        if settings["after"] != "keep":
            yield "source", settings["failed_folder"], "make"
    elif settings.get("source") == "video":
        yield "source", settings["path"], "read"
    elif "://" in settings.get("device", ""):
        yield "source", settings["device"], "connect"


def _hidden(settings: dict[str, list[str]], needs: list[Need]) -> Iterator[str]:
    """Yield a message for each path that the sandbox of the unit hides from the service, or makes read-only."""
    is_on = {name: settings.get(name, ["no"])[-1].lower() not in ("no", "false") for name in _SANDBOX}
    bound = _paths(settings, "BindPaths", "ReadWritePaths")
    shown = [*bound, *_paths(settings, "BindReadOnlyPaths")]
    for part, path, action in needs:
        if action == "connect":
            if is_on["PrivateNetwork"]:
                yield f"{part}: the service has no network (PrivateNetwork=): edgecls service install --camera"
        elif is_on["ProtectHome"] and _is_below(path, _HOMES) and not _is_below(path, shown):
            yield f"{part}: {path} is hidden from the service (ProtectHome=)"
        elif is_on["PrivateTmp"] and _is_below(path, _TEMPORARY) and not _is_below(path, shown):
            yield f"{part}: {path} is hidden from the service, which has its own /tmp (PrivateTmp=)"
        elif action in _WRITES and is_on["ProtectSystem"] and not _is_below(path, [_STATE, *bound]):
            folder = os.path.dirname(path) if action == "database" else path
            yield f"{part}: {path} is read-only for the service: its unit needs ReadWritePaths={folder}"


def _paths(settings: dict[str, list[str]], *names: str) -> list[str]:
    """Return the paths, as the service sees them, of settings such as `BindPaths=/media/disk:/srv/disk`."""
    words = [
        word.strip('"').lstrip("-+") for name in names for value in settings.get(name, []) for word in value.split()
    ]
    return [word.split(":")[min(word.count(":"), 1)] for word in words]


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)
