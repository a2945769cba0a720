"""Processes as they are measured: time on the processor, memory, and when the database has a row."""

import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process, since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """Resident memory, at its highest until now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def until(condition: Callable[[], bool], pause: float, limit: float = 300.0) -> None:
    """Ask again after each `pause` [s]. Raises TimeoutError after `limit` [s]."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("a process that is measured does not come to its end")
        time.sleep(pause)


class Daemon:
    """`edgecls run` over a configuration, from its start."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.database = folder / "results.db"
        self.started, self.ready_at = time.perf_counter(), 0.0
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EDGECLS")}
        self.process = subprocess.Popen(
            [python, "-m", "edgecls", "run", "--config", "edgecls.toml"],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._is_ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            if "ready: " in line and not self._is_ready.is_set():
                self.ready_at = time.perf_counter()
                self._is_ready.set()
            self.said.append(line)

    def wait_until_ready(self) -> None:
        """Raises RuntimeError, with what the daemon has said, if it never is."""
        until(lambda: self._is_ready.is_set() or self.process.poll() is not None, 0.01)
        if not self._is_ready.is_set():
            raise RuntimeError("".join(self.said))

    def stop(self) -> None:
        """As systemd does."""
        self.process.terminate()
        self.process.wait()
        self._listener.join()


@contextmanager
def daemon(python: Path, folder: Path, *lines: str) -> Iterator[Daemon]:
    """A daemon in `folder`, with `lines` as its configuration; stopped at the end."""
    (folder / "edgecls.toml").write_text("\n".join(lines) + "\n")
    running = Daemon(python, folder)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


class Rows:
    """Looks into the daemon's database, often and at little cost."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        self._database = database

    def newest(self) -> int:
        """The highest id: how many rows there are, where none has been removed."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()[0])

    def wait(self, count: int, pause: float, limit: float = 300.0) -> float:
        """Until there are `count` rows. When the last was committed: `time.perf_counter()`, to some milliseconds."""
        until(lambda: self.newest() >= count, pause, limit)
        now, ago = time.perf_counter(), 0.0
        log = self._database.with_name(self._database.name + "-wal")
        if pause > 0.01 and log.exists():  # seldom looked: the log knows when it was last written
            ago = time.time() - log.stat().st_mtime
        return now - min(max(ago, 0.0), pause)

    def all(self, question: str) -> list[tuple[float, ...]]:
        """Any question."""
        return self._connection.execute(question).fetchall()

    def close(self) -> None:
        """Look no more."""
        self._connection.close()


@contextmanager
def rows_of(running: Daemon) -> Iterator[Rows]:
    """The rows of a daemon that is ready."""
    with closing(Rows(running.database)) as rows:
        yield rows
