"""The real daemon as a child process over a folder, and the files and rows that it leaves."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress

from paths import ROOT

RUN = (sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml")


class Place:
    """A folder with a daemon's configuration, inbox and database; `log` collects the output of daemons."""

    def __init__(self, folder, temporary_folder):
        self.folder, self.inbox, self.database = folder, folder / "inbox", folder / "results.db"
        self.log = folder / "log"
        self.inbox.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGECLS")}
        self.environment = {**kept, "PYTHONWARNINGS": "error", "TMPDIR": str(temporary_folder)}
        if "site-packages" not in sys.modules["edgecls"].__file__:  # else the installed one is meant
            self.environment["PYTHONPATH"] = str(ROOT)

    def configure(self, model, *source, top="", more=""):
        """Write the configuration: lines of [source], those `top` before it and `more` after it."""
        lines = (f'model = "{model}"', top, "[source]", *(source or ('path = "inbox"',)), more)
        (self.folder / "edgecls.toml").write_text("\n".join(lines) + "\n")

    @contextmanager
    def daemon(self, **environment):
        """Run a daemon, and kill it if the test does not end it."""
        with (
            self.log.open("ab") as log,
            subprocess.Popen(RUN, env=self.environment | environment, cwd=self.folder, stderr=log) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def finish(self, idle="2"):
        """Run a daemon until it is idle, and return its exit code."""
        with self.log.open("ab") as log:
            return subprocess.run(
                [*RUN, "--until-idle", idle], env=self.environment, cwd=self.folder, stderr=log
            ).returncode

    def log_lines(self, text=""):
        """Return the log lines that contain `text`, of all daemons so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if text in line]

    def ask(self, query):
        """Return all rows of a query; none while there is no database."""
        if not self.database.exists():
            return []
        with (
            closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection,
            suppress(sqlite3.OperationalError),  # the tables are being created
        ):
            return connection.execute(query).fetchall()
        return []

    def count(self, expression="*"):
        """Return the number of rows, or of distinct values of an SQL expression."""
        rows = self.ask(f"SELECT count({expression}) FROM results")
        return rows[0][0] if rows else 0

    def is_whole(self):
        """Return whether SQLite's integrity check passes."""
        return self.ask("PRAGMA integrity_check") == [("ok",)]

    def files(self):
        """Return the files in the inbox, including hidden ones."""
        return {str(path.relative_to(self.inbox)) for path in self.inbox.rglob("*") if not path.is_dir()}

    def put(self, name, data):
        """Put a file into the inbox as a careful program does: write it elsewhere, then move it in."""
        part = self.folder / "part"
        part.write_bytes(data)
        part.rename(self.inbox / name)
