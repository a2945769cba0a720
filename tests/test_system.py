"""What not every operating system has: the workstation's commands work without it, and the substitutes do their part."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from children import import_path
from paths import ROOT, SUPPORT
from pictures import COLOURS, encode, noise, plain

from edgecls import system

WITHOUT = """
import importlib.abc, os, select, signal, sys, time
import asyncio, concurrent.futures, getpass, logging, multiprocessing, shutil, subprocess, tarfile, tempfile, zipfile
{libraries}
MODULES = {{"fcntl", "grp", "pwd", "resource", "termios", "pty", "tty", "syslog", "_posixsubprocess"}}
for name in MODULES:
    sys.modules[name] = None  # Python's sign that there is no such module
for name in dir(os):
    if name in {{
        "chown", "fchown", "fchmod", "lchown", "geteuid", "getegid", "getuid", "getgid", "getloadavg", "statvfs", "sysconf",
        "memfd_create", "posix_fallocate", "pread", "pwrite", "preadv", "listxattr", "getxattr", "setxattr", "fork",
        "sched_getaffinity", "sched_setaffinity", "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK",
        "O_PATH", "sendfile", "posix_fadvise",
    }}:
        delattr(os, name)
del select.poll, signal.SIGHUP, time.CLOCK_BOOTTIME
os.supports_effective_ids = os.supports_dir_fd = set()
from edgecls import system
assert system._fcntl is system._pwd is system._resource is None
{more}
from edgecls.cli.main import main
main()
"""
"""What Windows lacks is taken away once the standard library and the libraries of others have been imported."""

TRAINED = """
from edgecls.training.backbones import BACKBONES, Backbone
from edgecls.training.fitting import head
BACKBONES["tiny"] = Backbone("tiny", "tiny_backbone:build", "keras", 24, 127.0, 128.0, "Apache-2.0")
head.EPOCHS = 4
"""


@pytest.fixture
def edgecls(tmp_path):
    """Run the program without all that is Linux's; returns its standard output."""

    def edgecls(*arguments, libraries="import cv2", more=""):
        script = WITHOUT.format(libraries=libraries, more=more)
        environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": import_path(SUPPORT, ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return edgecls


@pytest.fixture
def images(tmp_path):
    for label in COLOURS:
        (tmp_path / "images" / label).mkdir(parents=True)
        for n in range(12):
            pixels = plain(label) // 2 + noise(24, 24, n) // 4
            (tmp_path / "images" / label / f"{n}.png").write_bytes(encode(pixels))


@pytest.mark.slow
@pytest.mark.usefixtures("images")
def test_classify_and_ask(edgecls, tmp_path, tiny_model):
    edgecls("classify", "images", "-m", str(tiny_model.path), "--db", "results.db")
    label = min(COLOURS)
    assert label in edgecls("query", "--db", "results.db")
    assert label in edgecls("stats", "--db", "results.db")
    edgecls("export", "--db", "results.db", "-o", "rows.csv")
    assert (tmp_path / "rows.csv").read_text().count("\n") == 1 + 12 * len(COLOURS)
    edgecls("inspect", str(tiny_model.path))


@pytest.mark.slow
@pytest.mark.usefixtures("images")
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_convert_and_evaluate(edgecls):
    libraries = "import tensorflow, sklearn.linear_model, scipy, matplotlib, cv2"
    edgecls(
        "convert", "images", "-o", "m.tflite", "--backbone", "tiny", "--fine-tune", "none", libraries=libraries,
        more=TRAINED,
    )  # fmt: skip
    assert "accuracy" in edgecls("evaluate", "images", "-m", "m.tflite", libraries=libraries)


def test_a_second_lock_is_refused(tmp_path):
    with (tmp_path / "lock").open("wb") as first, (tmp_path / "lock").open("wb") as second:
        system.lock(first.fileno())
        with pytest.raises(BlockingIOError):
            system.lock(second.fileno())


@pytest.mark.parametrize("positioned", [True, False])
def test_reading_and_writing_at_an_offset(monkeypatch, positioned):
    if not positioned:
        monkeypatch.delattr(os, "pread")
        monkeypatch.delattr(os, "pwrite")
    file = system.anonymous_file()
    try:
        os.write(file, b"0123456789")
        assert system.read_at(file, 3, 4) == b"456"
    finally:
        os.close(file)


def test_a_file_below_a_folder_is_opened_without_following_links(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "b").write_bytes(b"content")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "in" / "a")
    with system.open_below(str(tmp_path / "in"), "a/b") as file:
        assert file.read() == b"content"
    with pytest.raises(OSError, match="Not a directory"):
        system.open_below(str(tmp_path / "in"), "link/b")
