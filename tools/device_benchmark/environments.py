"""A virtual environment for each side: what one installs would overwrite or contradict what another needs."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"


def environment(name: str, folder: Path) -> Path:
    """The Python of the environment called `name` (a key of ENVIRONMENTS) under `folder`; made if it is not there.

    It stays, and is made again where its requirements are others by now. Raises CalledProcessError where pip fails.
    """
    version, requirements = ENVIRONMENTS[name]()
    place, stamp = folder / name, folder / name / "installed.txt"
    python = place / "bin" / "python"
    ours = (ROOT / "pyproject.toml").read_text() if "--editable" in requirements else ""
    wanted = "\n".join([version, *requirements, ours])
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"making the environment {name}", file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        _make(version, place)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True, cwd=ROOT)
        stamp.write_text(wanted)
    return python


def _make(version: str, place: Path) -> None:
    if version == THIS:
        venv.create(place, with_pip=True, symlinks=True)
    else:
        subprocess.run([_interpreter(version), "-m", "venv", place], check=True)


def _interpreter(version: str) -> str:
    """A Python of that version: on the path, or one of pyenv's that is not switched on."""
    for python in sorted(PYENV.glob(f"{version}.*/bin/python")):
        return str(python)
    found = shutil.which(f"python{version}")
    if found is None:
        sys.exit(f"no Python {version} is here: install one, or leave its sides out with --sides")
    return found


THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def _edgecls() -> tuple[str, list[str]]:
    """The device install of this very tree."""
    return THIS, ["--editable", ".", "pillow"]


def _tflite_runtime() -> tuple[str, list[str]]:
    """It ends at Python 3.11, and needs numpy 1."""
    return "3.11", ["--editable", ".[tflite-runtime]", "pillow"]


def _mediapipe() -> tuple[str, list[str]]:
    """It brings opencv-contrib-python, whose files would overwrite those of opencv-python-headless."""
    return THIS, ["mediapipe"]


ENVIRONMENTS = {"edgecls": _edgecls, "tflite-runtime": _tflite_runtime, "mediapipe": _mediapipe}
