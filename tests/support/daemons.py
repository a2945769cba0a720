"""The real daemon, as a child process over a folder, and what it has left there."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager, suppress

from paths import ROOT

RUN = (sys.executable, "-m", "edgecls", "run", "--config", "edgecls.toml")


class Place:
    """A folder with a daemon's configuration, inbox and database; what daemons say there is collected in `log`."""

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
        """A running daemon; it is killed if the test does not end it."""
        with (
            self.log.open("ab") as log,
            subprocess.Popen(RUN, env=self.environment | environment, cwd=self.folder, stderr=log) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def finish(self, idle="2"):
        """Let a daemon do what is left; its exit code."""
        with self.log.open("ab") as log:
            return subprocess.run(
                [*RUN, "--until-idle", idle], env=self.environment, cwd=self.folder, stderr=log
            ).returncode

    def said(self, text=""):
        """The lines in which `text` occurs, of all daemons so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if text in line]

    def ask(self, query):
        """All rows of the answer; none while there is no database."""
        if not self.database.exists():
            return []
        with (
            closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection,
            suppress(sqlite3.OperationalError),  # its tables are being made
        ):
            return connection.execute(query).fetchall()
        return []

    def count(self, what="*"):
        """How many rows there are, or how many different values of `what`."""
        found = self.ask(f"SELECT count({what}) FROM results")
        return found[0][0] if found else 0

    def is_whole(self):
        """What SQLite's own check says."""
        return self.ask("PRAGMA integrity_check") == [("ok",)]

    def files(self):
        """What lies in the inbox, hidden files too."""
        return {str(path.relative_to(self.inbox)) for path in self.inbox.rglob("*") if not path.is_dir()}

    def put(self, name, data):
        """As a careful program does: written elsewhere, and moved in whole."""
        part = self.folder / "part"
        part.write_bytes(data)
        part.rename(self.inbox / name)
