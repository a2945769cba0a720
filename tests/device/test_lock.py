import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.device.lock import lock_database, lock_folder
from edgecls.errors import BadConfig, InputNotFound, IoFailed


def test_a_database_is_held_once(tmp_path):
    path = tmp_path / "results.db"
    with (
        lock_database(path),
        pytest.raises(BadConfig, match=r"another edgecls run has the database .*results\.db: stop it, or give"),
    ):
        lock_database(path)
    lock_database(path).__exit__(None, None, None)
    assert not path.exists()


@pytest.mark.parametrize("link", ["to the file", "to the file that is not yet made", "to its folder"])
def test_a_database_is_held_once_by_whatever_name(tmp_path, link):
    (tmp_path / "data").mkdir()
    path, other = tmp_path / "data/results.db", tmp_path / "other"
    if link == "to the file":
        path.touch()
    other.symlink_to(path.parent if link == "to its folder" else "data/results.db")
    name = other / "results.db" if link == "to its folder" else other
    for first, second in ((path, name), (name, path)):
        with lock_database(first), pytest.raises(BadConfig, match=f"has the database {second}: stop it"):
            lock_database(second)


def test_a_folder_is_held_once_by_whatever_name(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    with lock_folder(folder), pytest.raises(BadConfig, match="another edgecls run has the folder"):
        lock_folder(tmp_path / "link")
    assert list(folder.iterdir()) == []


def test_what_is_not_there(tmp_path):
    assert lock_folder(tmp_path / "none") is None
    assert lock_folder(Path(__file__)) is None
    with pytest.raises(InputNotFound, match=r"there is no folder .*none: make it first"):
        lock_database(tmp_path / "none" / "results.db")
    (tmp_path / ".results.db.lock").mkdir()
    with pytest.raises(IoFailed, match=r"cannot make .*\.lock: it is a folder"):
        lock_database(tmp_path / "results.db")


def test_a_killed_holder_holds_nothing(tmp_path):
    script = f"""
from pathlib import Path
from edgecls.device.lock import lock_database, lock_folder
held = lock_database(Path({str(tmp_path / "results.db")!r})), lock_folder(Path({str(tmp_path)!r}))
print("held", flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        for lock in (lambda: lock_database(tmp_path / "results.db"), lambda: lock_folder(tmp_path)):
            with pytest.raises(BadConfig):
                lock()
        holder.kill()
        holder.wait()
        with lock_database(tmp_path / "results.db"), lock_folder(tmp_path):
            pass
