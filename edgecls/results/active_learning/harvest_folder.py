"""A folder of pictures to be labelled by moving them: made from picks, and imported as reviews."""

import csv
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgecls.errors import UsageError, from_os_error
from edgecls.images.image_files import is_ignored_folder
from edgecls.model.labels import label_key
from edgecls.results.active_learning.harvest import Reason
from edgecls.results.active_learning.picking import Pick

REASONS = "harvest.csv"
COLUMNS = (
    "file", "source", "key", "path", "predicted", "score", "guess", "margin", "reason", "model",
)  # fmt: skip
"""Of REASONS, a line a picture. `model` is the SHA-256 of its file."""
FOLDERS = "folders.csv"
"""folder,label: what the names of the folders stand for, since not every label can be a folder's name."""
MOST_EMPTY = 50
"""Labels for which a folder is made though nothing is in it yet."""
LONGEST = 100
"""Characters of a name, at most 4 bytes each: file systems allow 255 bytes."""


def write_folder(out: Path, picks: Iterable[Pick], labels: Sequence[str]) -> Counter[Reason]:
    """Put the pictures into folders of `out` by predicted label, with the reasons beside; counts the pictures by reason.

    `labels` are all that a picture may be given: where they are few, each has its folder even if nothing is in it yet.
    All appears at once, or nothing. Raises UsageError if `out` has something in it, InputNotFound and IoFailed.
    """
    check_out(out)
    with _whole(out) as place:
        names = FolderNames()
        if len(labels) <= MOST_EMPTY:
            for label in labels:
                (place / names.of(label)).mkdir()
        lines, counts = [], Counter[Reason]()
        for pick in picks:
            folder = place / names.of(pick.row.predicted)
            folder.mkdir(exist_ok=True)
            (folder / file_name(pick)).write_bytes(pick.image)
            lines.append(_line(pick))
            counts[pick.reason] += 1
        _write_csv(place / REASONS, COLUMNS, lines)
        _write_csv(place / FOLDERS, ("folder", "label"), names.items())
    return counts


def check_out(out: Path) -> None:
    """Raise UsageError unless `out` is a new or an empty folder, or a link to an empty one."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out} is there already: name a new folder, for nothing is overwritten")


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Yield a folder that becomes `out` at the end, or nothing where that is not reached.

    An empty folder that is there already stays, with its mode: it may be one that is mounted. It is filled at the end.
    """
    is_there = out.is_dir()
    place = (out if is_there else out.parent) / f".{out.name[:LONGEST]}.{secrets.token_hex(4)}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir()
    except OSError as error:
        raise from_os_error(error, f"cannot make the folder {out}") from error
    try:
        yield place
        if is_there:
            _fill(out, place)
        else:
            place.rename(out)  # over an empty folder, and no other
    except OSError as error:
        raise from_os_error(error, f"cannot write {out}") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _fill(out: Path, place: Path) -> None:
    """Move all that is in `place` to `out`, in which nothing else may be; what fails leaves nothing there."""
    if os.listdir(out) != [place.name]:
        raise UsageError(f"{out} is no longer empty: name a new folder, for nothing is overwritten")
    names, moved = os.listdir(place), 0
    try:
        for name in names:
            os.rename(place / name, out / name)
            moved += 1
    except BaseException:
        for name in names[:moved]:
            os.rename(out / name, place / name)
        raise


class FolderNames:
    """A folder for each label: any text may be one, while a name must be harmless and not differ only in its case."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, label: str) -> str:
        """The name of its folder; always the same."""
        if label not in self._names:
            plain, number = safe_name(label), 1
            name = plain
            while label_key(name).casefold() in self._taken:
                number += 1
                name = f"{plain}-{number}"
            self._taken.add(label_key(name).casefold())
            self._names[label] = name
        return self._names[label]

    def items(self) -> Iterator[tuple[str, str]]:
        """(folder, label)."""
        return ((name, label) for label, name in self._names.items())


def safe_name(text: str) -> str:
    """`text` as a name that no file system, shell or terminal takes amiss."""
    name = _UNSAFE.sub("_", text)[:LONGEST].strip(" ")
    name = re.sub(r"^[.-]|\.$", "_", name) or "_"
    return f"_{name}" if is_ignored_folder(name) else name


_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def file_name(pick: Pick) -> str:
    """Of the picture: the number of its row makes it the only one, in whichever folder it is put."""
    stem, suffix = os.path.splitext(os.path.basename(pick.row.path))
    return f"{pick.row.id}-{safe_name(stem)}" + (f".{safe_name(suffix[1:])}" if suffix[1:] else "")


def _line(pick: Pick) -> tuple[object, ...]:
    row = pick.row
    score = "" if row.score is None else row.score
    found = (row.source, row.key, row.path, row.predicted, score, row.guess, round(row.margin, 6), pick.reason)
    return (file_name(pick), *found, row.model)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
