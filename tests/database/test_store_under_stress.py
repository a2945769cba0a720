"""The store where the world is against it: killed, out of space, without permission, raced. In child processes."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from children import import_path
from example_rows import begin, frame
from paths import SUPPORT

from edgecls.database.reading import open_results
from edgecls.database.store import Store
from edgecls.errors import IoFailed, Unavailable
from edgecls.results.queries.rows import find_rows

pytestmark = pytest.mark.slow

ENVIRONMENT = {**os.environ, "PYTHONPATH": import_path(SUPPORT)}
PREPARE = """
import os, resource, signal, sys
from example_rows import begin, frame
from edgecls.errors import EdgeclsError
from edgecls.results.queries.rows import find_rows
from edgecls.database.reading import open_results
from edgecls.database.store import Store
path = sys.argv[1]
def attempt(action):
    try:
        print(action())
    except EdgeclsError as error:
        print(type(error).__name__, error)
"""


def child(script, path):
    return [sys.executable, "-c", PREPARE + script, str(path)]


def answers(script, path):
    done = subprocess.run(child(script, path), env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def lines_until_killed(script, path, least):
    """Kill the script once it has printed that many lines; return how many there were in all."""
    with subprocess.Popen(child(script, path), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(least):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        return least + writer.stdout.read().count("\n")


def test_kill_9_loses_no_acknowledged_row(path):
    script = """
store = Store(path)
begin(store)
for n in range(10**9):
    store.write(frame(str(n)))
    print(n, flush=True)
"""
    acknowledged = lines_until_killed(script, path, 200)
    with closing(open_results(path)) as db:
        keys = {row["key"] for row in find_rows(db)}
    assert keys >= {str(n) for n in range(acknowledged)}
    assert len(keys) <= acknowledged + 1
    with Store(path) as store:  # and the next run goes on
        begin(store)
        store.write(frame("after"))


def test_kill_9_loses_no_acknowledged_group_and_leaves_none_half(path):
    script = """
store = Store(path)
begin(store)
for n in range(0, 10**9, 16):
    store.write_many([frame(str(n + k)) for k in range(16)])
    print(n, flush=True)
"""
    acknowledged = 16 * lines_until_killed(script, path, 50)
    with closing(open_results(path)) as db:
        keys = [int(row["key"]) for row in find_rows(db)]
    assert sorted(keys) == list(range(len(keys)))
    assert len(keys) in (acknowledged, acknowledged + 16)


def test_kill_9_while_creating_is_made_good_by_the_next_start(path):
    script = """
import edgecls.database.opening as module
def killed(db):
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE half (id)")
    os.kill(os.getpid(), signal.SIGKILL)
module.migrate = killed
Store(path)
"""
    assert answers(script, path) == []
    assert path.exists()
    with Store(path) as store:
        begin(store)


def test_processes_that_start_at_once_share_one_database(path):
    script = """
sys.stdin.readline()
store = Store(path)
run = begin(store)
for n in range(20):
    store.write(frame(f"{os.getpid()}-{n}"))
store.close()
"""
    children = [
        subprocess.Popen(child(script, path), env=ENVIRONMENT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for one in children:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate(timeout=60)[1] for one in children] == ["", "", ""]
    with closing(open_results(path)) as db:
        assert db.execute("SELECT count(*), count(DISTINCT run_id) FROM results").fetchone() == (60, 3)


def test_a_reader_in_the_same_process_does_not_loosen_the_locks_of_the_writer(path):
    """POSIX drops a process's locks on a file once it closes any descriptor of it: only SQLite may open the file."""
    wal = path.with_name(path.name + "-wal")
    with Store(path) as store:
        begin(store)
        store.write(frame("a"))
        open_results(path).close()
        Store(path).close()
        assert answers("Store(path).close()", path) == []  # the last to close would remove the log
        assert wal.exists()
        store.write(frame("b"))
        assert answers("print(len(list(find_rows(open_results(path)))))", path) == ["2"]


def fill(store, numbers):
    for n in numbers:
        store.write(frame(str(n)))


def test_a_full_disk_is_one_clear_error_and_what_was_written_stays(small_disk):
    path = small_disk / "results.db"
    numbers = itertools.count()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(32 * 1024))
    with Store(path) as store:
        begin(store)
        with pytest.raises(IoFailed, match="the disk is full: free some space"):
            fill(store, numbers)
        written = next(numbers) - 1
        ballast.unlink()
        store.write(frame("after some space was freed"))
    with closing(open_results(path)) as db:
        assert len(list(find_rows(db))) == written + 1
    assert written > 3


def test_a_disk_that_is_full_in_the_middle_of_a_group_holds_none_of_it(small_disk):
    path = small_disk / "results.db"
    numbers = itertools.count()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(32 * 1024))
    with Store(path) as store:
        begin(store)
        while True:
            group = [frame(f"{next(numbers)} {'x' * 500}") for _ in range(16)]
            try:
                store.write_many(group)
            except Unavailable:
                break
        written = next(numbers) - 16
        with closing(open_results(path)) as db:
            assert len(list(find_rows(db))) == written
        ballast.unlink()
        store.write_many(group)
    with closing(open_results(path)) as db:
        assert len(list(find_rows(db))) == written + 16


def test_a_disk_too_full_to_begin_keeps_no_half_made_file(small_disk):
    (small_disk / "ballast").write_bytes(bytes(504 * 1024))
    with pytest.raises(IoFailed, match=r"the disk is full or failing.*free some space"):
        Store(small_disk / "results.db")
    assert [file.name for file in small_disk.iterdir()] == ["ballast"]


def test_a_read_only_disk(small_disk):
    path = small_disk / "results.db"
    with Store(path) as store:
        begin(store)
        store.write(frame())
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with closing(open_results(path)) as db:
        assert len(list(find_rows(db))) == 1
    with pytest.raises(IoFailed, match="check owner, mode and mount"):
        Store(path)
    with pytest.raises(IoFailed, match="the file system is read-only"):
        Store(small_disk / "new.db")


def test_a_file_size_limit(path):
    script = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
store = Store(path)
begin(store)
attempt(lambda: [store.write(frame(str(n))) for n in range(10_000)])
store.close()
"""
    assert answers(script, path) == [
        f"Unavailable {path} (disk I/O error): the disk is full or failing: free some space, or replace it"
    ]
    with closing(open_results(path)) as db:
        assert len(list(find_rows(db))) > 3


@pytest.fixture
def owned_by_another():
    """A folder with a database in it, which nobody but its owner may write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Store(folder / "results.db") as store:
            begin(store)
            store.write(frame())
        folder.chmod(0o555)
        (folder / "results.db").chmod(0o444)
        yield folder
        folder.chmod(0o755)


# root may do anything: it becomes nobody first, with everything imported that nobody may not read.
AS_NOBODY = """
import pathlib, urllib.parse
if os.getuid() == 0:
    os.setuid(65534)
"""


def test_without_permission_to_write(owned_by_another):
    script = AS_NOBODY + "attempt(lambda: Store(path))\nattempt(lambda: Store(path + '.new'))"
    first, second = answers(script, owned_by_another / "results.db")
    assert first.startswith("IoFailed")
    assert "is read-only: check owner, mode and mount" in first
    assert second.startswith("IoFailed cannot create")
    assert "permission denied: user " in second
    assert second.endswith(", mode 0555): check owner and mode, or run as another user")


def test_reading_needs_no_permission_to_write(owned_by_another):
    script = AS_NOBODY + "attempt(lambda: len(list(find_rows(open_results(path)))))"
    assert answers(script, owned_by_another / "results.db") == ["1"]


def test_without_permission_to_read(owned_by_another):
    (owned_by_another / "results.db").chmod(0)
    script = AS_NOBODY + "attempt(lambda: open_results(path))"
    (said,) = answers(script, owned_by_another / "results.db")
    assert said.startswith("IoFailed")
    assert "cannot be opened: check owner, mode and mount" in said
