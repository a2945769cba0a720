"""Check that an open database is still the file at its path.

Other programs remove, rename and overwrite files without asking who has them open. SQLite continues with the file that it has
open, and its rows end where nobody will look for them. So a row counts as written only while the path leads to the open file.
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
    """The files of `db`, which was opened for writing by `path`. Call `close` after `db` was closed.

    `path` may be a link: its current target counts. Only the log is opened here, never the database: when a process closes any
    descriptor of a file, POSIX drops the locks that SQLite holds on it.
    """

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self._real = Path(os.path.realpath(path))
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # SQLite opens the log when it first reads
        try:
            self._file = os.stat(self._real)
            self._logs = (
                {suffix: os.stat(self._side_file(suffix)) for suffix in ("-wal", "-shm")} if mode == "wal" else {}
            )
            self._log = os.open(self._side_file("-wal"), os.O_RDWR | system.O_CLOEXEC) if self._logs else None
        except FileNotFoundError as error:
            raise FileReplaced(f"{path} was removed or renamed while it was being opened: try again") from error

    def check(self) -> None:
        """Raise FileReplaced if the file was removed, replaced or overwritten, or has lost its log.

        Takes a few microseconds, and a millisecond after a checkpoint.
        """
        problem = self.find_problem()
        if problem:
            raise FileReplaced(
                f"{self.path} {problem} while it was open, and the file there now may lack the newest rows: write them again;"
                " to replace a database, use `edgecls restore`"
            )

    def find_problem(self) -> str | None:
        """Return what has happened to the file, or None."""
        try:
            status = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return "was removed or renamed"
        except OSError as error:
            raise from_os_error(error, f"cannot read {self.path}") from error
        if not os.path.samestat(status, self._file):
            return "was replaced"
        # Without a log, SQLite itself reads the file before it writes to it.
        if self._logs and _stamp(status) != _stamp(self._file):
            if not status.st_size or has_foreign_log(self._real, Path(f"/proc/self/fd/{self._log}")):
                return OVERWRITTEN
            self._file = status
        has_logs = all(self._is_ours(suffix) for suffix in self._logs)
        return None if has_logs else "lost its log (-wal, -shm)"

    def current_path(self) -> str | None:
        """Return the path that leads to the open file now; None if it was removed and will be gone once closed."""
        for descriptor in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
            with suppress(OSError):
                status = os.fstat(int(descriptor))
                if os.path.samestat(status, self._file):
                    return os.readlink(f"/proc/self/fd/{descriptor}") if status.st_nlink else None
        return "another place"

    def wal_state(self) -> tuple[int, int]:
        """Return size [bytes] and modification time [ns] of the log: they change with each write."""
        if self._log is None:
            return 0, 0
        status = os.fstat(self._log)
        return status.st_size, status.st_mtime_ns

    def discard_log(self) -> None:
        """Empty the log, so that SQLite does not write it into an overwritten file when it closes the database."""
        if self._log is not None:
            os.ftruncate(self._log, 0)

    def remove_logs(self) -> None:
        """Remove the log of the closed database where the path belongs to another file by now."""
        for suffix in self._logs:
            if self._is_ours(suffix):
                with suppress(OSError):
                    os.unlink(self._side_file(suffix))

    def close(self) -> None:
        """Close the log. A second call does nothing."""
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def _side_file(self, suffix: str) -> str:
        # Not a Path: pathlib interns the parts of every path, and with thousands of rows that table of strings takes megabytes.
        return f"{self._real}{suffix}"

    def _is_ours(self, suffix: str) -> bool:
        try:
            status = os.stat(self._side_file(suffix))
        except OSError:
            return False
        return os.path.samestat(status, self._logs[suffix])


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    """Return what changes when the file is written to."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
