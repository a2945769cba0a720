"""Temporary files of conversions that were killed."""

import os
import signal
import subprocess
import sys

import pytest

from edgecls.training.work_folder import remove_leftovers, work_folder

HOLD = """
import sys, time
from edgecls.training.work_folder import work_folder
with work_folder() as folder:
    (folder / "backbone.tflite").write_bytes(bytes(1000))
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def start(parent):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(parent)},
    )  # fmt: skip
    return child, child.stdout.readline().strip()


def test_what_a_killed_conversion_left_is_removed_by_the_next(parent, caplog):
    caplog.set_level("INFO")
    killed, left = start(parent)
    alive, kept = start(parent)
    with killed, alive:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert os.path.exists(left)
        with work_folder() as folder:
            assert sorted(parent.iterdir()) == sorted([folder, parent / os.path.basename(kept)])
        assert os.listdir(kept) != []
        alive.stdin.close()
        assert alive.wait() == 0
    assert os.listdir(parent) == []
    assert [record.getMessage() for record in caplog.records] == [f"removed {left}, left by a killed conversion"]


def test_what_others_keep_there_stays(parent):
    for name in ("edgecls-notes", "edgecls-link", "other"):
        (parent / name).mkdir() if name != "edgecls-link" else (parent / name).symlink_to("other")
    (parent / "other" / "lock").touch()
    (parent / "edgecls-file").touch()
    (parent / "edgecls-notes" / "a.txt").touch()
    before = sorted(str(path) for path in parent.rglob("*"))
    remove_leftovers(parent)
    assert sorted(str(path) for path in parent.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_another_user_left_stays(parent):
    (parent / "edgecls-theirs").mkdir()
    (parent / "edgecls-theirs" / "lock").touch()
    os.chown(parent / "edgecls-theirs", 1234, 1234)
    remove_leftovers(parent)
    assert (parent / "edgecls-theirs" / "lock").exists()
