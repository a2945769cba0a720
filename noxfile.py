"""`nox` runs every check, each in an environment of its own; `nox -l` lists them, `nox -s lint` runs one."""

import os
import shutil
import sys
from ctypes.util import find_library
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False  # a Python that is not here is skipped

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
DEVICE_PYTHONS = ("3.10", "3.13", "3.14")
"""The oldest Python, the newest that TensorFlow has, and the newest that LiteRT has; the workstation's lies between."""
QUICK = ("-m", "not slow or smoke")
"""The quick tests, and of the slow ones those that go from end to end: what another Python may break, they see."""
DEVICE_TESTS = (
    "tests/images",
    "tests/model",
    "tests/database",
    "tests/inference",
    "tests/device",
    "tests/results",
    "tests/service",
    "tests/cli",
    *map(str, Path("tests").glob("test_*.py")),
)

WORKSTATION = (
    *(f"edgecls/{room}" for room in ("images", "model", "database", "inference", "training", "results")),
    *(f"edgecls/cli/{command}.py" for command in (
        "main", "convert", "evaluate", "backbones", "device", "query", "stats", "export", "results", "serve", "harvest",
        "drift",
    )),
)  # fmt: skip
"""What runs on macOS and Windows too."""

PARALLEL = ("-n", "auto", "--dist", "loadfile")
"""A process for each core; the tests of a file stay together, with what they have made for one another."""

MEDIAPIPE_LIBRARIES = {"GL": "libgl1", "EGL": "libegl1", "GLESv2": "libgles2", "glib-2.0": "libglib2.0-0"}
"""Of the system, that no wheel brings: library -> Debian's package."""

BROWSER = {"chromium": "chromium", "chromium-driver": "chromedriver"}
"""Debian's package -> its program."""

# pyenv's `python3.10` only works for versions that are switched on: switch all of them on.
_PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
if _PYENV.is_dir():
    versions = sorted(
        path.name
        for path in _PYENV.iterdir()
        if path.name.startswith(tuple(f"{v}." for v in (*DEVICE_PYTHONS, "3.11", THIS)))
    )
    os.environ["PYENV_VERSION"] = ":".join(versions)


@nox.session(python=THIS)
def workstation(session: nox.Session) -> None:
    """Lint, types, and all tests, with TensorFlow."""
    session.install("--editable", ".[convert,search,demo,serve,dev]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    for platform in ("darwin", "win32"):
        session.run("mypy", "--platform", platform, *WORKSTATION)
    session.run("pytest", *(session.posargs or (*PARALLEL, "--cov", "--cov-report=term:skip-covered")))


@nox.session(python=DEVICE_PYTHONS)
def device(session: nox.Session) -> None:
    """The tests of the device and of the results, as on a device: the built wheel, no extra, no TensorFlow."""
    session.install(".", "pytest", "pytest-xdist", "hypothesis")
    session.run("pytest", *(session.posargs or (*PARALLEL, *QUICK, *DEVICE_TESTS)))


@nox.session(python=THIS)
def docs(session: nox.Session) -> None:
    """Build the documentation site; a warning is an error."""
    session.install("--editable", ".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "docs", "build/docs", *session.posargs)


@nox.session(python=THIS, default=False)
def faults(session: nox.Session) -> None:
    """Every fault at its full count, against the built wheel: minutes. Root, and what tests/support/rtsp.py needs."""
    session.install(".", "pytest", "hypothesis")
    session.install("--no-deps", "scikit-image")  # for the photographs in it
    session.run("pytest", *(session.posargs or ["tests/faults"]))


@nox.session(python="3.11")
def tflite_runtime(session: nox.Session) -> None:
    """The device tests through tflite-runtime, with the old numpy that it needs."""
    session.install(".[tflite-runtime]", "pytest", "hypothesis")
    session.run(
        "pytest",
        "tests/images",
        "tests/model",
        "tests/inference",
        "tests/device",
        env={"EDGECLS_RUNTIME": "tflite-runtime"},
    )


@nox.session(python=THIS)
def browser(session: nox.Session) -> None:
    """The pages of `edgecls serve` and `review`, from the built wheel, in Debian's Chromium."""
    if missing := [package for package, program in BROWSER.items() if not shutil.which(program)]:
        say = session.error if os.environ.get("CI") else session.skip  # in CI nobody would see that it is skipped
        say(f"the pages are tested in a browser that is not here: apt install {' '.join(missing)}")
    session.install(".[serve]", "selenium>=4.20", "pytest", "hypothesis")
    session.run("pytest", *(session.posargs or ["tests/browser"]))


@nox.session(python=THIS)
def mediapipe(session: nox.Session) -> None:
    """The model that is shipped, in MediaPipe Tasks. MediaPipe needs libEGL and libGLESv2, its OpenCV libGL and glib.

    It brings opencv-contrib-python, whose files would overwrite those of opencv-python-headless: here is only the
    former, and edgecls makes do with it.
    """
    if missing := [package for library, package in MEDIAPIPE_LIBRARIES.items() if not find_library(library)]:
        say = session.error if os.environ.get("CI") else session.skip  # in CI nobody would see that it is skipped
        say(f"MediaPipe needs libraries that are not here: apt install {' '.join(missing)}")
    needed = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    others = [requirement for requirement in needed if not requirement.startswith("opencv-python-headless")]
    session.install("mediapipe", "scikit-image", "pytest", "hypothesis", *others)
    session.install("--no-deps", ".")
    session.run("pytest", *(session.posargs or ["tests/mediapipe"]))
