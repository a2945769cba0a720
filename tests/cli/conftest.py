import contextlib
import os
import pty
import subprocess
import sys

import pytest

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("EDGECLS")}
ENVIRONMENT |= {"PYTHONWARNINGS": "error", "COLUMNS": "200"}


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


@pytest.fixture
def edgecls_at_a_terminal(environment, tmp_path):
    """Run the program with a terminal of 80 columns as stdout and stderr: all that it showed."""

    def edgecls(*arguments):
        ours, its = pty.openpty()
        command = [sys.executable, "-m", "edgecls", *arguments]
        surroundings = {**environment, "COLUMNS": "80", "TERM": "xterm"}
        with (
            open(ours, "rb", buffering=0) as shown,
            open(its, "wb", buffering=0) as terminal,
            subprocess.Popen(command, env=surroundings, cwd=tmp_path, stdout=terminal, stderr=terminal) as child,
        ):
            terminal.close()  # so that the child's end is the end
            text = b"".join(_chunks(shown)).decode()
        assert child.returncode == 0, text
        return text

    return edgecls


def _chunks(terminal):
    """Until the other end is closed, which Linux calls an input/output error."""
    with contextlib.suppress(OSError):
        while chunk := terminal.read(4096):
            yield chunk
