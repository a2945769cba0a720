"""A check of the cameras of this machine, and of the permission of the service to use them."""

import os
import stat

from edgecls.doctor.check_result import CheckResult, failed, ok, skipped, warning
from edgecls.doctor.service_user import ServiceUser, service_user, unit_of
from edgecls.doctor.system import System
from edgecls.doctor.target import Target


def cameras(target: Target) -> CheckResult:
    """Check that the V4L2 device in the configuration exists, and that the user of the service may use it."""
    system, wanted = target.system, _wanted(target)
    nodes = system.glob("/dev/video*")
    if wanted and not system.path(wanted).exists():
        return failed(
            f"{wanted}, the camera in the configuration, does not exist",
            "plug it in, or see: v4l2-ctl --list-devices",
        )
    if not nodes:
        return skipped("no /dev/video* device")
    user = service_user(system, unit_of(str(target.config_path)))
    who = f"the user {user.name}" if user else "the current user"
    if wanted and (not _may_use(system, wanted, user) or (user and not _has_drop_in(system))):
        return failed(f"{who} may not use {wanted}", _remedy(user))
    names = ", ".join(f"{node} ({name})" if (name := _name(system, node)) else node for node in nodes)
    closed = [node for node in nodes if not _may_use(system, node, user)]
    if not closed:
        return ok(f"{names}; {who} may use them" if len(nodes) > 1 else f"{names}; {who} may use it")
    message = f"{names}; {who} may not use {', '.join(closed)}"
    source = target.configured.value.get("source")
    return ok(f"{message}, which the source, a {source}, does not need") if source else warning(message, _remedy(user))


def _remedy(user: ServiceUser | None) -> str:
    return (
        "for the service: edgecls service install --camera" if user else "sudo adduser $USER video, then log in again"
    )


def _wanted(target: Target) -> str | None:
    """Return the device in the configuration, if the source is a camera of this machine."""
    settings = target.configured.value
    device = settings.get("device", "")
    if settings.get("source") != "camera" or "://" in device:
        return None
    return f"/dev/video{device}" if device.isdigit() else device


def _name(system: System, node: str) -> str | None:
    return system.text(f"/sys/class/video4linux/{os.path.basename(node)}/name")


def _has_drop_in(system: System) -> bool:
    """Return whether `edgecls service install --camera` was run. Without its drop-in, the unit sees no devices."""
    drop_ins = system.glob("/etc/systemd/system/edgecls*.service.d/*.conf")
    return any("SupplementaryGroups=video" in (system.text(path) or "") for path in drop_ins)


def _may_use(system: System, node: str, user: ServiceUser | None) -> bool:
    """Return whether the user, by owner, group and mode of the device, may read and write it. None asks the kernel."""
    path = system.path(node)
    if user is None:
        return os.access(path, os.R_OK | os.W_OK)
    status = path.stat()
    both = (
        stat.S_IRUSR | stat.S_IWUSR if status.st_uid == user.uid
        else stat.S_IRGRP | stat.S_IWGRP if status.st_gid in user.groups
        else stat.S_IROTH | stat.S_IWOTH
    )  # fmt: skip
    return status.st_mode & both == both
