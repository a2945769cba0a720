"""What a check answers."""

from enum import Enum
from typing import NamedTuple


class Status(str, Enum):
    """How it is with what was checked."""

    ok = "ok"
    warning = "warning"
    failed = "failed"
    absent = "not here"


class Answer(NamedTuple):
    """`seen` is for people, one line; `remedy` says what to do, and is empty where nothing needs doing."""

    status: Status
    seen: str
    remedy: str = ""


def ok(seen: str) -> Answer:
    """It is as it should be."""
    return Answer(Status.ok, seen)


def warning(seen: str, remedy: str) -> Answer:
    """It works, but not as well, or not for long."""
    return Answer(Status.warning, seen, remedy)


def failed(seen: str, remedy: str) -> Answer:
    """It does not work."""
    return Answer(Status.failed, seen, remedy)


def absent(seen: str, remedy: str = "") -> Answer:
    """This machine has no such thing, or does not tell."""
    return Answer(Status.absent, seen, remedy)
