"""Where the images of rows are by now: services move files once they have a row, people copy them elsewhere."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from edgecls.errors import InputNotFound
from edgecls.images.frame_key import DIGITS, digest, digest_in, named_by_content


class Images:
    """Finds the file of a frame. Where the frame's key tells its content, only a file of that content is taken for it.

    With `folder` it is looked for by its name in there, however deep, and nowhere else: copies of a device's images,
    under paths of their own. Raises InputNotFound where there is no such folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._by_name = None if folder is None else _files_below(folder)

    def find(self, path: str | None, key: str, config: str = "{}") -> tuple[Path, bytes] | None:
        """The file and its content, None where it is gone.

        `path`, `key` and `config` (JSON) are as the row and its run have them. What cannot be read counts as gone.
        """
        if not path or "\0" in path:
            return None
        wanted = digest_in(key)
        for place in self._places(path, config, wanted):
            content = _read(place)
            if content is not None and wanted in (None, digest(content)):
                return place, content
        return None

    def _places(self, path: str, config: str, content_digest: str | None) -> Iterator[Path]:
        if self._by_name is not None:
            for name in _names(os.path.basename(path), content_digest):
                yield from self._by_name.get(name, ())
            return
        yield Path(path)
        yield from _moved(path, config, content_digest)


def _read(place: Path) -> bytes | None:
    """None where there is no file that can be read; a pipe would be waited for."""
    try:
        return place.read_bytes() if place.is_file() else None
    except OSError:
        return None


def _moved(path: str, config: str, content_digest: str | None) -> Iterator[Path]:
    """Where a service that was to move files has put the one at `path`, whose name it may have completed."""
    settings = json.loads(config)
    source = settings.get("source") if isinstance(settings, dict) else None
    if not isinstance(source, dict) or source.get("after") != "move" or "done_folder" not in source:
        return
    root = os.path.abspath(str(source.get("path")))
    done = Path(root, str(source["done_folder"]), os.path.relpath(path, root))
    for name in _names(done.name, content_digest):
        yield done.with_name(name)


def _names(name: str, content_digest: str | None) -> Iterator[str]:
    """Yield the name of a file, and those that it may have got where another content had it already."""
    yield name
    for digits in DIGITS if content_digest else ():
        yield named_by_content(name, content_digest or "", digits)


def _files_below(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise InputNotFound(f"no folder at {folder}: name the one that has the images")
    found = defaultdict(list)
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            found[name].append(Path(place, name))
    return found
