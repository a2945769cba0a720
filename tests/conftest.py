import os
import re
import shutil
import signal
import socket
import sqlite3  # noqa: F401 - before TensorFlow: see edgecls.training.heavy
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import settings
from pictures import COLOURS, encode, noise, picture
from tiny_model import golden, write

# The same examples in every run, and no verdict about time: the machine may be a small one, or a busy one.
settings.register_profile("edgecls", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("edgecls")

# A shell's job in the background ignores it, and so would the programs that are started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

TEMPORARY_OUTPUT = re.compile(r"\..+\.[a-z0-9_]{8}")
NOT_OURS = ("__autograph_generated_file",)  # TensorFlow removes its own when the process ends


SLOW = ("cli", "browser", "faults")
"""Folders whose tests start processes."""


def pytest_collection_modifyitems(items):
    """Mark the tests of the folders in SLOW; elsewhere those that take seconds are marked where they are."""
    for item in items:
        if Path(item.path).relative_to(Path(__file__).parent).parts[0] in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def temporary_folder(tmp_path_factory):
    """Replace /tmp for `tempfile` and all child processes, so that leftovers are known to be ours."""
    tmp_path_factory.getbasetemp()  # pytest's own folders stay where they are
    folder = Path(tempfile.mkdtemp(prefix="edgecls-tests-"))
    folder.chmod(0o1777)
    before = os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    yield folder
    tempfile.tempdir = None
    os.environ.pop("TMPDIR")
    if before is not None:
        os.environ["TMPDIR"] = before
    shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def away_from_the_sources(tmp_path_factory):
    """Leave the source tree, where child processes would import it instead of the installed package."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("away"))
    yield
    os.chdir(before)


@pytest.fixture(autouse=True)
def no_leaks(request, temporary_folder):
    """Fail a test that leaves a thread, a temporary file, or a half-written output behind."""
    threads, files = set(threading.enumerate()), set(temporary_folder.iterdir())
    outputs = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    left = set(threading.enumerate()) - threads
    for thread in left:
        thread.join(timeout=2)
    assert not [thread.name for thread in left if thread.is_alive()], "threads left alive"
    kept = [file.name for file in set(temporary_folder.iterdir()) - files if not file.name.startswith(NOT_OURS)]
    assert not kept, "temporary files left behind"
    if outputs:
        halves = [file for file in outputs.rglob(".*") if TEMPORARY_OUTPUT.fullmatch(file.name)]
        assert not halves, "half-written outputs left behind"


@pytest.fixture(scope="session")
def golden_examples(tmp_path_factory):
    images = [picture(colour, ".jpg") for colour in COLOURS]
    return golden([*images, encode(noise(40, 30), ".jpg")], tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, golden_examples):
    """Write a model file that separates red, green and blue, and is unsure about a green under 0.9."""
    return write(tmp_path_factory.mktemp("model") / "tiny.tflite", examples=golden_examples)


@pytest.fixture
def small_disk():
    """Mount a file system of 512 KiB."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("may not mount a tmpfs here")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


@pytest.fixture
def manager(tmp_path):
    """Open the service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(30)
        yield sock


@pytest.fixture
def until():
    """Wait for a condition, and fail if it does not come true."""

    def until(condition, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)

    return until
