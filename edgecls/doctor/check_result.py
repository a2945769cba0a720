"""The result of a check."""

from enum import Enum
from typing import NamedTuple


class Status(str, Enum):
    """Severity of a result."""

    ok = "ok"
    warning = "warning"
    failed = "failed"
    skipped = "skipped"


class CheckResult(NamedTuple):
    """`message` is for people, one line; `fix` says what to do, and is empty where nothing needs doing."""

    status: Status
    message: str
    fix: str = ""


def ok(message: str) -> CheckResult:
    """Report that all is well."""
    return CheckResult(Status.ok, message)


def warning(message: str, fix: str) -> CheckResult:
    """Report that it works, but worse than it could, or not for long."""
    return CheckResult(Status.warning, message, fix)


def failed(message: str, fix: str) -> CheckResult:
    """Report that it does not work."""
    return CheckResult(Status.failed, message, fix)


def skipped(message: str, fix: str = "") -> CheckResult:
    """Report that this machine has no such thing, or does not reveal it."""
    return CheckResult(Status.skipped, message, fix)
