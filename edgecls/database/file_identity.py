"""Where an open database lies: whether its name still leads to it.

Whoever removes, renames or overwrites a file does not ask who has it open. SQLite goes on with the file that it has, and
its rows are where nobody will look for them. So a row counts as written only while the name leads to the open file.
"""

import os
from contextlib import suppress
from pathlib import Path

from sqlite_utils import Database

from edgecls import system
from edgecls.database.generations import has_foreign_log
from edgecls.errors import FileReplaced, from_os_error

OVERWRITTEN = "was overwritten"


class FileIdentity:
    """The files of `db`, which was opened for writing by `path`; to be left with `close`, after `db` was closed.

    `path` may be a link: what counts is where it leads to at the moment. No file is opened here but the log: when a process
    closes any descriptor of the database, POSIX drops the locks that SQLite holds on it.
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._real = Path(os.path.realpath(path))
        self._db = db
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the log is opened by reading
        try:
            self._file = os.stat(self._real)
            self._logs = {suffix: os.stat(self._beside(suffix)) for suffix in ("-wal", "-shm")} if mode == "wal" else {}
            self._log = os.open(self._beside("-wal"), os.O_RDWR | system.O_CLOEXEC) if self._logs else None
        except FileNotFoundError as error:
            raise FileReplaced(f"{path} was removed or renamed while it was being opened: open it again") from error

    def check(self) -> None:
        """Raise FileReplaced unless the name leads to the open file, and nobody has written over it or removed its log.

        Takes a few microseconds, and a millisecond after the log was written back.
        """
        problem = self.problem()
        if problem:
            raise FileReplaced(
                f"{self.path} {problem} while it was open, and the newest rows may not be in what is there now: do again"
                " what was to be written; `edgecls restore` replaces a database safely"
            )

    def problem(self) -> str | None:
        """Return what has happened to the file, None if nothing has."""
        try:
            status = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return "was removed or renamed"
        except OSError as error:
            raise from_os_error(error, f"cannot read {self.path}") from error
        if not os.path.samestat(status, self._file):
            return "was replaced"
        # Without a log SQLite itself looks at the file before it writes.
        if self._logs and _version(status) != _version(self._file):
            if not status.st_size or has_foreign_log(self._real, Path(f"/proc/self/fd/{self._log}")):
                return OVERWRITTEN
            self._file = status
        lost = not all(self._is_ours(suffix) for suffix in self._logs)
        return "lost its log (-wal, -shm)" if lost else None

    def name_now(self) -> str | None:
        """Return the path that leads to the open file now; None if it has been removed, and is gone once it is closed."""
        for descriptor in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
            with suppress(OSError):
                status = os.fstat(int(descriptor))
                if os.path.samestat(status, self._file):
                    return os.readlink(f"/proc/self/fd/{descriptor}") if status.st_nlink else None
        return "another place"

    def log_state(self) -> tuple[int, int]:
        """Return size [bytes] and time of modification [ns] of the log: they change with each write."""
        if self._log is None:
            return 0, 0
        status = os.fstat(self._log)
        return status.st_size, status.st_mtime_ns

    def discard_log(self) -> None:
        """Keep SQLite from writing the log into a file that was overwritten when it closes the database."""
        if self._log is not None:
            os.ftruncate(self._log, 0)

    def remove_logs(self) -> None:
        """Remove the log of the closed database, where the name belongs to another file by now."""
        for suffix in self._logs:
            if self._is_ours(suffix):
                with suppress(OSError):
                    os.unlink(self._beside(suffix))

    def close(self) -> None:
        """Let go of the log; again does nothing."""
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def _beside(self, suffix: str) -> str:
        # As text: pathlib interns the parts of each path it makes, and Python's table of interned strings, which is then
        # rebuilt every few thousand rows, takes megabytes for that.
        return f"{self._real}{suffix}"

    def _is_ours(self, suffix: str) -> bool:
        before, now = self._logs.get(suffix), _status(self._beside(suffix))
        return before is not None and now is not None and os.path.samestat(before, now)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _version(status: os.stat_result) -> tuple[int, int, int]:
    """What is different once somebody has written to the file."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
