"""What a check answers."""

from enum import Enum
from typing import NamedTuple


class Status(str, Enum):
    """How it is with what was checked."""

    ok = "ok"
    warning = "warning"
    failed = "failed"
    absent = "not here"


class CheckResult(NamedTuple):
    """`message` is for people, one line; `fix` says what to do, and is empty where nothing needs doing."""

    status: Status
    message: str
    fix: str = ""


def ok(message: str) -> CheckResult:
    """It is as it should be."""
    return CheckResult(Status.ok, message)


def warning(message: str, fix: str) -> CheckResult:
    """It works, but not as well, or not for long."""
    return CheckResult(Status.warning, message, fix)


def failed(message: str, fix: str) -> CheckResult:
    """It does not work."""
    return CheckResult(Status.failed, message, fix)


def absent(message: str, fix: str = "") -> CheckResult:
    """This machine has no such thing, or does not tell."""
    return CheckResult(Status.absent, message, fix)
