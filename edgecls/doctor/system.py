"""The files and programs of the machine that is examined."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class System:
    """The files below `root`. A file that cannot be read counts as missing: kernels differ in what they show."""

    root: Path = Path("/")

    def path(self, name: str) -> Path:
        """Return where the absolute path `name` is below the examined root."""
        return self.root / name.lstrip("/")

    def text(self, name: str | Path) -> str | None:
        """Return the stripped content of a file, or None if it cannot be read."""
        try:
            return self.path(str(name)).read_text("utf-8", "replace").strip("\0 \n\t")
        except (OSError, ValueError):
            return None

    def number(self, name: str | Path) -> int | None:
        """Return the integer that a file holds, or None."""
        try:
            return int(self.text(name) or "")
        except ValueError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """Absolute paths within this system, sorted."""
        try:
            paths = sorted(self.root.glob(pattern.lstrip("/")))
        except OSError:
            return []
        return [f"/{path.relative_to(self.root)}" for path in paths]

    def run_command(self, program: str, *arguments: str) -> str | None:
        """Return the stdout of a program, or None if it is missing or fails."""
        folders = [self.path(folder) for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/opt/vc/bin")]
        command = shutil.which(program, path=":".join(map(str, folders)))
        if command is None:
            return None
        try:
            done = subprocess.run(  # noqa: S603  # our own words
                [command, *arguments], capture_output=True, text=True, check=False, timeout=_PATIENCE_S
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None
