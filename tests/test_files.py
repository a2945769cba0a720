import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.errors import InputNotFound, IoFailed
from edgecls.files import check_writable, write_atomically

OLD, NEW = b"the old content", bytes(range(256)) * 2000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tflite"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o333, 0o444)])
def test_a_new_file(path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(path, NEW)
    finally:
        os.umask(before)
    assert path.read_bytes() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [file.name for file in path.parent.iterdir()] == ["model.tflite"]


def test_an_old_file_is_replaced(path):
    path.write_bytes(OLD)
    with path.open("rb") as reader:
        write_atomically(path, NEW)
        assert reader.read() == OLD  # whoever has it open keeps the whole old one
    assert path.read_bytes() == NEW


def test_no_content(path):
    write_atomically(path, b"")
    assert path.read_bytes() == b""


def test_a_full_disk_keeps_the_old_file(small_disk):
    path = small_disk / "model.tflite"
    path.write_bytes(OLD)
    with pytest.raises(IoFailed, match="the disk is full: free some space"):
        write_atomically(path, 2 * NEW)
    assert path.read_bytes() == OLD
    assert [file.name for file in small_disk.iterdir()] == ["model.tflite"]


def test_a_file_size_limit_keeps_the_old_file(path):
    path.write_bytes(OLD)
    script = """
import pathlib, resource, signal, sys
from edgecls.errors import IoFailed
from edgecls.files import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(pathlib.Path(sys.argv[1]), bytes(2000))
except IoFailed as error:
    print(error)
"""
    assert run(script, path).stdout == f"cannot write {path}: File too large\n"
    assert path.read_bytes() == OLD
    assert [file.name for file in path.parent.iterdir()] == ["model.tflite"]


def test_killed_before_the_rename_the_old_file_stands(path):
    path.write_bytes(OLD)
    script = """
import os, pathlib, signal, sys
from edgecls import files
files.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically(pathlib.Path(sys.argv[1]), bytes(2000))
"""
    assert run(script, path).returncode == -signal.SIGKILL
    assert path.read_bytes() == OLD
    for file in path.parent.glob(".*"):  # which nothing but a power cut leaves
        file.unlink()


def run(script, path):
    return subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc on this system")
def test_a_folder_that_takes_no_files():
    """The system says that there is no such file, which would send the user looking for one."""
    with pytest.raises(IoFailed, match="cannot write /proc/m: /proc takes no new files: choose another folder"):
        check_writable(Path("/proc/m"))


@pytest.mark.parametrize("refuses", [check_writable, lambda path: write_atomically(path, NEW)])
def test_where_no_file_can_be(tmp_path, refuses):
    with pytest.raises(InputNotFound, match="does not exist: create it first"):
        refuses(tmp_path / "missing" / "model.tflite")
    with pytest.raises(IoFailed, match="it is a folder: name a file"):
        refuses(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputNotFound, match="does not exist"):
        refuses(tmp_path / "file" / "model.tflite")


def test_checking_leaves_nothing_behind(path):
    check_writable(path)
    assert os.listdir(path.parent) == []


def test_a_read_only_disk(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(IoFailed, match="the file system is read-only: choose a path on a writable one"):
        check_writable(small_disk / "model.tflite")
