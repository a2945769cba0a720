"""The image files of rows, wherever they are now."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from edgecls.errors import InputNotFound
from edgecls.images.frame_key import digest, digest_in
from edgecls.results.image_location import image_locations, possible_names


class Images:
    """Reads the file of a frame. If the key of a frame contains a digest, only a file with that content is accepted.

    Args:
        folder: Search for the name of the file here, at any depth, and nowhere else: for copies of a device's images.
        database: The file that the rows are from; relative paths are relative to its folder.

    Raises:
        InputNotFound: There is no such folder.
    """

    def __init__(self, folder: Path | None = None, database: Path = Path("results.db")) -> None:
        self._by_name = None if folder is None else _files_below(folder)
        self._database = database

    def find(self, path: str | None, key: str, config: str = "{}") -> tuple[Path, bytes] | None:
        """Return the file and its content; None if it is gone or cannot be read.

        `path`, `key` and `config` (JSON) are those of the row and its run.
        """
        if not path or "\0" in path:
            return None
        expected = digest_in(key)
        for file in self._files(path, key, config):
            content = _read(file)
            if content is not None and expected in (None, digest(content)):
                return file, content
        return None

    def _files(self, path: str, key: str, config: str) -> Iterator[Path]:
        if self._by_name is None:
            row = {"path": path, "key": key, "config": json.loads(config)}
            yield from (Path(file) for _, file in image_locations(row, self._database))
            return
        for name in possible_names(os.path.basename(path), key):
            yield from self._by_name.get(name, ())


def _read(file: Path) -> bytes | None:
    """Return the content of a regular file that can be read; opening a pipe would block."""
    try:
        return file.read_bytes() if file.is_file() else None
    except OSError:
        return None


def _files_below(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise InputNotFound(f"no such folder: {folder} (use the folder with the images)")
    files = defaultdict(list)
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            files[name].append(Path(parent, name))
    return files
