"""A folder of harvested images, in which a person corrects labels by moving images between sub-folders."""

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

HARVEST_CSV = "harvest.csv"
HARVEST_COLUMNS = (
    "file", "source", "key", "path", "predicted", "score", "guess", "margin", "reason", "model",
)  # fmt: skip
"""The columns of HARVEST_CSV, which has a line for each image. `model` is the SHA-256 of the model file."""
FOLDERS_CSV = "folders.csv"
FOLDERS_COLUMNS = ("folder", "label")
"""The columns of FOLDERS_CSV, which has the label of each folder, since not every label can be a folder's name."""
MAX_EMPTY_FOLDERS = 50
"""The number of labels above which only labels with an image get a folder."""
MAX_NAME_LENGTH = 100
"""Characters of up to 4 bytes each; file systems allow 255 bytes."""


def write_folder(out: Path, picks: Iterable[Pick], labels: Sequence[str]) -> Counter[Reason]:
    """Write the images into sub-folders of `out` by predicted label, with the CSV files, and return counts by reason.

    Either everything appears, or nothing.

    Args:
        out: A new or an empty folder.
        picks: The images.
        labels: The labels that a person may choose from; unless there are many, each gets a folder even without images.

    Raises:
        UsageError: `out` is not empty.
        InputNotFound, IoFailed: It cannot be written.
    """
    check_out(out)
    with _atomic_folder(out) as folder:
        names = FolderNames()
        if len(labels) <= MAX_EMPTY_FOLDERS:
            for label in labels:
                (folder / names.folder_of(label)).mkdir()
        rows, counts = [], Counter[Reason]()
        for pick in picks:
            label_folder = folder / names.folder_of(pick.row.predicted)
            label_folder.mkdir(exist_ok=True)
            (label_folder / image_name(pick)).write_bytes(pick.image)
            rows.append(_csv_row(pick))
            counts[pick.reason] += 1
        _write_csv(folder / HARVEST_CSV, HARVEST_COLUMNS, rows)
        _write_csv(folder / FOLDERS_CSV, FOLDERS_COLUMNS, names.items())
    return counts


def check_out(out: Path) -> None:
    """Raise UsageError unless `out` does not exist, or is an empty folder or a link to one."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out} exists and is not an empty folder: use a new folder, nothing is overwritten")


@contextmanager
def _atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `out` on success and is deleted on failure.

    An empty folder that already exists is filled rather than replaced: it may be a mount point, and has its own mode.
    """
    exists = out.is_dir()
    temporary = (out if exists else out.parent) / f".{out.name[:MAX_NAME_LENGTH]}.{secrets.token_hex(4)}"
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise from_os_error(error, f"cannot create the folder {out}") from error
    try:
        yield temporary
        if exists:
            _move_contents(temporary, out)
        else:
            temporary.rename(out)  # replaces an empty folder, and raises for any other
    except OSError as error:
        raise from_os_error(error, f"cannot write {out}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_contents(temporary: Path, out: Path) -> None:
    """Move everything from `temporary`, a folder in `out`, into `out`; on failure, move it back."""
    if os.listdir(out) != [temporary.name]:
        raise UsageError(f"{out} is no longer empty: use a new folder, nothing is overwritten")
    names, moved = os.listdir(temporary), 0
    try:
        for name in names:
            os.rename(temporary / name, out / name)
            moved += 1
    except BaseException:
        for name in names[:moved]:
            os.rename(out / name, temporary / name)
        raise


class FolderNames:
    """Assigns each label a folder name that is safe and differs from the others in more than upper and lower case."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._used: set[str] = set()

    def folder_of(self, label: str) -> str:
        """Return the name of the folder for `label`, the same in every call."""
        if label not in self._names:
            base, number = safe_name(label), 1
            name = base
            while label_key(name).casefold() in self._used:
                number += 1
                name = f"{base}-{number}"
            self._used.add(label_key(name).casefold())
            self._names[label] = name
        return self._names[label]

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield (folder, label)."""
        return ((name, label) for label, name in self._names.items())


def safe_name(text: str) -> str:
    """Return `text` with every character replaced that is special to a file system, a shell or a terminal."""
    name = _UNSAFE.sub("_", text)[:MAX_NAME_LENGTH].strip(" ")
    name = re.sub(r"^[.-]|\.$", "_", name) or "_"
    return f"_{name}" if is_ignored_folder(name) else name


_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def image_name(pick: Pick) -> str:
    """Return the file name of an image; the id of its row makes it unique across all folders."""
    stem, suffix = os.path.splitext(os.path.basename(pick.row.path))
    return f"{pick.row.id}-{safe_name(stem)}" + (f".{safe_name(suffix[1:])}" if suffix[1:] else "")


def _csv_row(pick: Pick) -> tuple[object, ...]:
    row = pick.row
    score = "" if row.score is None else row.score
    margin = round(row.margin, 6)
    return (
        image_name(pick), row.source, row.key, row.path, row.predicted, score, row.guess, margin, pick.reason, row.model,
    )  # fmt: skip


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
