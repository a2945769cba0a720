import os
import pty
import re
import subprocess
import sys
from contextlib import contextmanager, suppress

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
            command, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=300
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert done.returncode == code, done.stderr
        return done

    return edgecls


@pytest.fixture
def served(environment, tmp_path):
    """Start a server on a free port, and return its process, its address and its output; end it after the test."""
    children = []

    def start(command, *options):
        arguments = [sys.executable, "-m", "edgecls", command, "--port", "0", *options]
        child = subprocess.Popen(
            arguments, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        children.append(child)
        output = []
        while not (address := re.search(r"at (http://\S+) \(", output[-1] if output else "")):
            output.append(child.stderr.readline())
            assert output[-1], output
        return child, address[1], output

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def edgecls_at_a_terminal(environment, tmp_path):
    """Run the program with a terminal of 80 columns as stdout and stderr, and return all that it showed."""

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
    """Read until the other end is closed, which Linux calls an input/output error."""
    with suppress(OSError):
        while chunk := terminal.read(4096):
            yield chunk


@pytest.fixture(scope="session")
def unprivileged():
    """Return a command prefix under which file modes hold even for root."""
    if os.getuid() != 0:
        return ()
    prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root cannot give up its privileges here")
    return prefix


MAIN = "import sys\nfrom edgecls.cli.main import main\nmain()\n"


@pytest.fixture
def inbox(tmp_path, tiny_model):
    """Create the watched folder, with a configuration beside it."""
    (tmp_path / "model.tflite").write_bytes(tiny_model.path.read_bytes())
    (tmp_path / "edgecls.toml").write_text('model = "model.tflite"\n[source]\npath = "inbox"\nsettle_seconds = 0.1\n')
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def service(environment, tmp_path, inbox, manager):  # noqa: ARG001 - the inbox must be there
    """Start it as a unit of Type=notify does, after `prelude`, and kill it at the end."""

    @contextmanager
    def service(prelude="", watchdog=1.0):
        variables = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(round(watchdog * 1e6))}
        with subprocess.Popen(
            [sys.executable, "-c", prelude + MAIN, "run", "--config", "edgecls.toml"],
            env=environment | variables, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()

    return service
