"""Helpers for tests of the running service."""

import time
from contextlib import closing

from pictures import picture

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows


def wait_for(manager, line):
    """Read what the service manager receives until a line has this prefix."""
    heard, deadline = [], time.monotonic() + 30
    while not any(each.startswith(line) for each in heard):
        assert time.monotonic() < deadline, f"waited in vain for {line}"
        heard += manager.recv(4096).decode().splitlines()
    return heard


def put(folder, name, colour):
    """Put an image into a folder, complete under its name."""
    (folder.parent / "part").write_bytes(picture(colour))
    (folder.parent / "part").rename(folder / name)


def rows(path):
    """Return the rows of the database at `path`, oldest first; none while it does not exist."""
    if not path.exists():
        return []
    with closing(open_results(path)) as db:
        return sorted(find_rows(db), key=lambda row: row["id"])


def labels(folder):
    return [row["label"] for row in rows(folder / "results.db")]
