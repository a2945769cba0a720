"""The table of checks, and the function that runs them."""

import os
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from edgecls.doctor.check_result import CheckResult, Status, failed
from edgecls.doctor.target import Target
from edgecls.errors import EdgeclsError, from_os_error

CHECKS = {
    "edgecls": "edgecls.doctor.software:edgecls",
    "numpy": "edgecls.doctor.software:numpy",
    "runtime": "edgecls.doctor.software:runtime",
    "OpenCV": "edgecls.doctor.software:opencv",
    "configuration": "edgecls.doctor.model:configuration",
    "access": "edgecls.doctor.access:access",
    "model": "edgecls.doctor.model:model",
    "delegates": "edgecls.doctor.model:delegates",
    "processor": "edgecls.doctor.processor:features",
    "governor": "edgecls.doctor.processor:governor",
    "throttling": "edgecls.doctor.heat:throttling",
    "temperature": "edgecls.doctor.heat:temperature",
    "memory": "edgecls.doctor.memory:memory",
    "cameras": "edgecls.doctor.cameras:cameras",
    "disk": "edgecls.doctor.disk:disk",
    "clock": "edgecls.doctor.clock:clock",
    "database": "edgecls.doctor.database:database",
    "service": "edgecls.doctor.service:service",
}
"""name -> "module:function"; the function takes the `Target` and gives an `CheckResult`. In the order they are shown. A
check is added with a function and a line here."""


class NamedResult(NamedTuple):
    """The result of one check, with its name."""

    check: str
    status: Status
    message: str
    fix: str


def run_checks(target: Target) -> Iterator[NamedResult]:
    """Yield the result of each check; a check that fails to run is itself a failed result, and the next one follows."""
    for name, place in CHECKS.items():
        yield NamedResult(name, *_one_line(_answer(place, target)))


def _answer(place: str, target: Target) -> CheckResult:
    module, function = place.split(":")
    try:
        result: CheckResult = getattr(import_module(module), function)(target)
    except EdgeclsError as error:
        what, _, fix = str(error).partition(": ")
        return failed(what, fix)
    except OSError as error:
        what, _, fix = str(from_os_error(error, f"cannot use {error.filename or 'a file'}")).rpartition(": ")
        return failed(what, fix)
    except Exception as error:
        if os.environ.get("EDGECLS_DEBUG"):
            raise
        return failed(
            f"could not be checked ({type(error).__name__}: {error})",
            "an installation that is damaged, or a bug of edgecls: install it again, else set EDGECLS_DEBUG=1 and report it",
        )
    return result


def _one_line(result: CheckResult) -> CheckResult:
    return CheckResult(result.status, " ".join(result.message.split()), " ".join(result.fix.split()))
