"""Checks of the installed software: edgecls, Python, and the three libraries with native code."""

import os
import platform
import struct
from importlib.metadata import PackageNotFoundError, version

from edgecls.doctor.check_result import CheckResult, failed, ok, warning
from edgecls.doctor.isolated import run_isolated
from edgecls.doctor.target import Target
from edgecls.inference.runtimes import RUNTIMES
from edgecls.version import __version__

_OPENCVS = (
    "opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python",
)  # fmt: skip
"""Packages that all install the one module cv2, each over the files of the other."""


def edgecls(_: Target) -> CheckResult:
    """Versions, and whether a 64-bit machine runs a 32-bit Python, for which there are far fewer packages."""
    bits, machine = struct.calcsize("P") * 8, platform.machine()
    message = f"{__version__}, Python {platform.python_version()} ({bits} bits), {machine}"
    if bits == 32 and "64" in machine:
        return warning(
            f"{message}: a 32-bit system on a 64-bit processor",
            "install a 64-bit system: LiteRT, several times faster than tflite-runtime, has packages for it alone",
        )
    return ok(message)


def numpy(_: Target) -> CheckResult:
    """Check that numpy can be imported, and has a version that the runtime was built for."""
    outcome = run_isolated("numpy")
    if outcome.error:
        return failed(f"cannot be imported: {outcome.error}", "pip install --force-reinstall numpy")
    message = str(outcome.value["version"])
    if _installed("tflite-runtime") and int(message.partition(".")[0]) >= 2:
        what = f"{message}, and tflite-runtime is built against numpy 1"
        fix = "pip install 'edgecls[tflite-runtime]', or: pip uninstall tflite-runtime"
        return warning(what, fix) if _installed("ai-edge-litert") else failed(what, fix)
    return ok(message)


def runtime(target: Target) -> CheckResult:
    """Check the installed runtimes, in the order in which edgecls prefers them; the first must work."""
    wanted = target.configured.value.get("runtime") or os.environ.get("EDGECLS_RUNTIME")
    if wanted and wanted not in RUNTIMES:
        return failed(f"none is called {wanted!r}", f"set EDGECLS_RUNTIME to one of {', '.join(RUNTIMES)}")
    here = [name for name, (package, _) in RUNTIMES.items() if _installed(package)]
    used = wanted or next(iter(here), None)
    if used is None or used not in here:
        package = RUNTIMES[used or "litert"][0].replace("_", "-")
        return failed(f"{used or 'none'} is not installed", f"pip install {package}")
    outcome = run_isolated("runtime", used)
    if outcome.error:
        return failed(f"{used} cannot be imported: {outcome.error}", _reinstall(used, here))
    others = [name for name in here if name != used]
    return ok(f"{used} {outcome.value['version']}" + (f"; not used: {', '.join(others)}" if others else ""))


def _reinstall(used: str, here: list[str]) -> str:
    other = next((name for name in here if name != used), None)
    again = f"pip install --force-reinstall {RUNTIMES[used][0].replace('_', '-')}"
    return f"{again}, or use {other}: EDGECLS_RUNTIME={other}" if other else again


def opencv(_: Target) -> CheckResult:
    """Check that OpenCV can be imported, and that no second package has overwritten its files."""
    packages = [name for name in _OPENCVS if _installed(name)]
    outcome = run_isolated("opencv")
    if outcome.error and "libGL" in outcome.error:
        return failed(f"needs a library of a desktop: {outcome.error}", _only_headless(packages))
    if outcome.error:
        again = "pip install --force-reinstall opencv-python-headless"
        return failed(f"cannot be imported: {outcome.error}", _only_headless(packages) if len(packages) > 1 else again)
    message = str(outcome.value["version"])
    if len(packages) > 1:
        return warning(f"{message}; {' and '.join(packages)} overwrite each other's files", _only_headless(packages))
    return ok(f"{message} ({packages[0] if packages else 'not from a package of pip'})")


def _only_headless(packages: list[str]) -> str:
    return f"pip uninstall {' '.join(packages or ['opencv-python'])}, then: pip install opencv-python-headless"


def _installed(package: str) -> bool:
    """Return the installed OpenCV packages by their metadata, without importing them."""
    try:
        return bool(version(package.replace("_", "-")))
    except PackageNotFoundError:
        return False
