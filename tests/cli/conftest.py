import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("EDGECLS")}
ENVIRONMENT |= {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "COLUMNS": "200"}


@pytest.fixture
def environment(temporary_folder):
    return {**ENVIRONMENT, "TMPDIR": str(temporary_folder)}


@pytest.fixture
def edgecls(environment, tmp_path):
    """Run the program in a child process, in `tmp_path`, and check how it ends; a traceback is always a bug."""

    def edgecls(*arguments, code=0, script=None, prefix=()):
        program = ["-m", "edgecls"] if script is None else ["-c", script]
        command = [*prefix, sys.executable, *program, *arguments]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=60
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert done.returncode == code, done.stderr
        return done

    return edgecls
