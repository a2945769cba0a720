"""Free space and write access for rows and frames."""

import os
from pathlib import Path

from edgecls.doctor.check_result import CheckResult, failed, ok, warning
from edgecls.doctor.target import Target

LEAST_MIB, COMFORTABLE_MIB = 20, 500
"""Under the first SQLite and the journal begin to fail; a million rows take about 600 MiB."""


def disk(target: Target) -> CheckResult:
    """Check the free space of the folder of the database, which also holds the saved frames."""
    folder = _existing(Path(os.path.realpath(target.database_path)).parent)
    space = os.statvfs(folder)
    free, total = space.f_bavail * space.f_frsize >> 20, space.f_blocks * space.f_frsize >> 20
    message = f"{free} of {total} MiB free at {folder}"
    if space.f_flag & os.ST_RDONLY:
        return failed(
            f"{folder} is mounted read-only",
            "a card that fails is often mounted so: see `dmesg`; else remount it, or move the database",
        )
    if free < LEAST_MIB:
        return failed(message, _remedy(target))
    if space.f_files and space.f_favail < 1000:
        return warning(f"{space.f_favail} files can still be made at {folder}", _remedy(target))
    return warning(message, _remedy(target)) if free < COMFORTABLE_MIB else ok(message)


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest ancestor that exists."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _remedy(target: Target) -> str:
    frames = target.configured.value.get("frames")
    return (
        f"free some space ({frames} has the saved frames), or set retention.rows_days" if frames else "free some space"
    )
