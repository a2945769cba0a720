"""What the tests of the running service share."""

import time
from contextlib import closing

from pictures import picture

from edgecls.database.reading import open_results
from edgecls.results.queries.rows import find_rows


def wait_for(manager, line):
    """What the service manager hears, until it hears a line that begins so."""
    heard, deadline = [], time.monotonic() + 30
    while not any(each.startswith(line) for each in heard):
        assert time.monotonic() < deadline, f"waited in vain for {line}"
        heard += manager.recv(4096).decode().splitlines()
    return heard


def put(folder, name, colour):
    """A picture that appears in a folder, whole."""
    (folder.parent / "part").write_bytes(picture(colour))
    (folder.parent / "part").rename(folder / name)


def rows(path):
    """Of the database at `path`, oldest first; none where it is not there yet."""
    if not path.exists():
        return []
    with closing(open_results(path)) as db:
        return sorted(find_rows(db), key=lambda row: row["id"])


def labels(folder):
    return [row["label"] for row in rows(folder / "results.db")]
