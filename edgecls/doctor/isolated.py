"""Run a probe that may crash the interpreter in a process of its own.

A library that was built for another processor ends Python with SIGILL, one built for another numpy with SIGSEGV, and
neither may end the examination.
"""

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from typing import Any, NamedTuple

from edgecls.doctor.service_user import ServiceUser

_PATIENCE_S = 300.0
"""An emulated arm64 computer replays the golden examples in half a minute."""


class Outcome(NamedTuple):
    """The value of a probe, or `error`: why there is none, in one line."""

    value: dict[str, Any]
    error: str | None = None


def run_isolated(function: str, *arguments: str, user: ServiceUser | None = None) -> Outcome:
    """Call `function` of `probes` in a child process that finds the same packages as this one.

    With `user`, the child becomes that user once it has imported what it needs: only root may do that.
    """
    identity = (user.uid, user.gid, list(user.groups)) if user else None
    code = f"import sys; sys.path[:] = {sys.path!r}; from edgecls.doctor.isolated import main; main({identity!r})"
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            [sys.executable, "-c", code, function, *arguments],
            capture_output=True, check=False, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome({}, f"gave no result in {_PATIENCE_S:.0f} s")
    except OSError as error:
        return Outcome({}, f"could not be tried: {error.strerror or error}")
    try:
        outcome = json.loads(done.stdout.decode("utf-8", "replace").splitlines()[-1])
        return Outcome(outcome["value"], outcome["error"])
    except (IndexError, ValueError, KeyError, TypeError):
        return Outcome({}, _end(done.returncode, done.stderr.decode("utf-8", "replace")))


def _end(code: int, complaints: str) -> str:
    if code < 0:
        names = {each.value: each.name for each in signal.Signals}
        return f"ended the process by {names.get(-code, f'signal {-code}')}"
    return f"ended the process with code {code}: {complaints.strip().splitlines()[-1] if complaints.strip() else ''}"


def main(identity: tuple[int, int, list[int]] | None = None) -> None:
    """Call the probe that the command line names, and print its value or error as the last line; runs in the child."""
    function, *arguments = sys.argv[1:]
    value, error = {}, None
    try:
        probe = getattr(import_module("edgecls.doctor.probes"), function)
        if identity:
            _become(*identity)
        value = probe(*arguments)
    except Exception as caught:  # noqa: BLE001  # whatever it is, it is what was asked for
        error = _one_line(caught)
    print(f"\n{json.dumps({'value': value, 'error': error})}", flush=True)  # noqa: T201


def _become(uid: int, gid: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)


def _one_line(error: Exception) -> str:
    """Numpy explains at length; what matters stands in the line that names a cause, else in the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line.removeprefix("Original error was:").strip() for line in lines if "Original error was:" in line]
    cause = (named or lines or [""])[0]
    return cause if hasattr(error, "exit_code") else f"{type(error).__name__}: {cause}"
