"""The files and programs of the machine that is examined."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class System:
    """What lies below `root`. Whatever cannot be read is as if it were not there: kernels differ in what they show."""

    root: Path = Path("/")

    def path(self, name: str) -> Path:
        """Where the absolute path `name` lies."""
        return self.root / name.lstrip("/")

    def text(self, name: str | Path) -> str | None:
        """The content of a file, without the space around it; None where there is none to be had."""
        try:
            return self.path(str(name)).read_text("utf-8", "replace").strip("\0 \n\t")
        except (OSError, ValueError):
            return None

    def number(self, name: str | Path) -> int | None:
        """The same of a file that holds one whole number."""
        try:
            return int(self.text(name) or "")
        except ValueError:
            return None

    def glob(self, pattern: str) -> list[str]:
        """Absolute paths within this system, sorted."""
        try:
            found = sorted(self.root.glob(pattern.lstrip("/")))
        except OSError:
            return []
        return [f"/{path.relative_to(self.root)}" for path in found]

    def run_command(self, program: str, *arguments: str) -> str | None:
        """What a program says on stdout; None where there is no such program, or it fails."""
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
