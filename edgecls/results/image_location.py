"""The location of the image of a row: the daemon moves files after their row is committed, and people copy them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgecls.images.frame_key import DIGITS, digest_in, named_by_content


def image_locations(row: Mapping[str, Any], database: Path) -> Iterator[tuple[str, str]]:
    """Yield where the image of `row` can be, the most likely first: (a folder that the database names, a path in it).

    A run of the daemon names the folder that it watches and the folders that it moves files to. Of saved frames and of
    the files of `edgecls classify` only the path is known: the folder is the one they are in. A saved frame can also
    be in the folder of saved frames beside a database that was copied together with it. A file can have another
    content by now: compare its digest with that in the key.

    Args:
        row: `path`, `key`, the `config` of its run (parsed) and, where they are known, `error` and `saved_bytes`.
        database: The file that the row is from; relative paths are relative to its folder.
    """
    home = os.path.dirname(os.path.abspath(database))
    path = os.path.normpath(os.path.join(home, row["path"]))
    config = row["config"]
    source = config.get("source") if isinstance(config, dict) else None
    if row.get("saved_bytes") is not None:
        yield os.path.dirname(path), path
        day, name = path.split(os.sep)[-2:]
        frames = os.path.join(home, "frames" if database.stem == "results" else f"{database.stem}-frames")
        yield frames, os.path.join(frames, day, name)
    elif isinstance(source, dict) and isinstance(source.get("path"), str):
        root = os.path.normpath(os.path.join(home, source["path"]))
        yield root, path
        folder_setting = _MOVED_TO.get((str(source.get("after")), bool(row.get("error"))))
        inner = os.path.relpath(path, root)
        if folder_setting in source and not inner.startswith(os.pardir):
            folder = os.path.join(root, str(source[folder_setting]))
            below, name = os.path.split(inner)
            for moved_name in possible_names(name, row["key"]):
                yield folder, os.path.join(folder, below, moved_name)
    else:
        yield os.path.dirname(path), path


_MOVED_TO = {("move", False): "done_folder", ("move", True): "failed_folder", ("delete", True): "failed_folder"}
"""(the setting `after`, whether the row has an error) -> the setting that names the folder."""


def possible_names(name: str, key: str) -> Iterator[str]:
    """Yield `name`, and then the names that a moved file gets where another content already has that name."""
    yield name
    content_digest = digest_in(key)
    for digits in DIGITS if content_digest else ():
        yield named_by_content(name, content_digest or "", digits)
