"""Create a virtual environment for each side, because their packages conflict."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


def environment(name: str, folder: Path) -> Path:
    """Return the Python of the environment `name`, a key of ENVIRONMENTS; create the environment if it is missing.

    The environment is kept under `folder`, and created again when its requirements change.

    Raises:
        CalledProcessError: pip failed.
    """
    version, requirements = ENVIRONMENTS[name]()
    target, stamp = folder / name, folder / name / "installed.txt"
    python = target / "bin" / "python"
    ours = (ROOT / "pyproject.toml").read_text() if "--editable" in requirements else ""
    contents = "\n".join([version, *requirements, ours])
    if not stamp.is_file() or stamp.read_text() != contents:
        print(f"creating the environment {name}", file=sys.stderr)
        shutil.rmtree(target, ignore_errors=True)
        _make(version, target)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True, cwd=ROOT)
        stamp.write_text(contents)
    return python


def _make(version: str, target: Path) -> None:
    if version == THIS:
        venv.create(target, with_pip=True, symlinks=True)
    else:
        subprocess.run([_interpreter(version), "-m", "venv", target], check=True)


def _interpreter(version: str) -> str:
    """Return a Python of that version: one of pyenv's, or the one on PATH."""
    for python in sorted(PYENV.glob(f"{version}.*/bin/python")):
        return str(python)
    program = shutil.which(f"python{version}")
    if program is None:
        sys.exit(f"Python {version} is not installed: install it, or select other sides with --sides")
    return program


THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def _edgecls() -> tuple[str, list[str]]:
    """Return the device install of this source tree."""
    return THIS, ["--editable", ".", "pillow"]


def _tflite_runtime() -> tuple[str, list[str]]:
    """Return the last Python version and the numpy that tflite-runtime supports."""
    return "3.11", ["--editable", ".[tflite-runtime]", "pillow"]


def _mediapipe() -> tuple[str, list[str]]:
    """Return MediaPipe alone: its opencv-contrib-python would overwrite opencv-python-headless."""
    return THIS, ["mediapipe"]


ENVIRONMENTS = {"edgecls": _edgecls, "tflite-runtime": _tflite_runtime, "mediapipe": _mediapipe}
