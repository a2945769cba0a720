"""Measure processes: CPU time, memory, and the time of a row in the database."""

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
    """Return the CPU time of all threads of a process since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """Return the peak of the resident memory until now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def until(condition: Callable[[], bool], pause: float, limit: float = 300.0) -> None:
    """Wait for the condition; check it again after each `pause` [s].

    Raises:
        TimeoutError: the condition was not met within `limit` [s].
    """
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("a measured process did not finish in time")
        time.sleep(pause)


class Daemon:
    """A running `edgecls run` with a configuration."""

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
        self.log: list[str] = []
        self._is_ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            if "ready: " in line and not self._is_ready.is_set():
                self.ready_at = time.perf_counter()
                self._is_ready.set()
            self.log.append(line)

    def wait_until_ready(self) -> None:
        """Wait for the daemon; raise RuntimeError with its log if it ends before."""
        until(lambda: self._is_ready.is_set() or self.process.poll() is not None, 0.01)
        if not self._is_ready.is_set():
            raise RuntimeError("".join(self.log))

    def stop(self) -> None:
        """Stop the daemon as systemd does."""
        self.process.terminate()
        self.process.wait()
        self._listener.join()


@contextmanager
def daemon(python: Path, folder: Path, *lines: str) -> Iterator[Daemon]:
    """Run a daemon in `folder` with `lines` as its configuration, and stop it at the end."""
    (folder / "edgecls.toml").write_text("\n".join(lines) + "\n")
    running = Daemon(python, folder)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


class Rows:
    """Frequent, cheap queries of the daemon's database."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        self._database = database

    def newest(self) -> int:
        """Return the highest id, which is the number of rows as long as none is deleted."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM results").fetchone()[0])

    def wait(self, count: int, pause: float, limit: float = 300.0) -> float:
        """Wait for `count` rows; return when the last was committed, in `time.perf_counter()`, to some milliseconds."""
        until(lambda: self.newest() >= count, pause, limit)
        now, ago = time.perf_counter(), 0.0
        log = self._database.with_name(self._database.name + "-wal")
        if pause > 0.01 and log.exists():  # a long pause: the log knows when it was last written
            ago = time.time() - log.stat().st_mtime
        return now - min(max(ago, 0.0), pause)

    def all(self, query: str) -> list[tuple[float, ...]]:
        """Return the rows of any query."""
        return self._connection.execute(query).fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def rows_of(running: Daemon) -> Iterator[Rows]:
    """Open the database of a daemon that is ready."""
    with closing(Rows(running.database)) as rows:
        yield rows
