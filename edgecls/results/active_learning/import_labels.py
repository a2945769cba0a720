"""Import of the labels that a person gave to harvested images by moving them between folders."""

import csv
import os
import shlex
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import BadData, InputNotFound, UsageError, from_os_error
from edgecls.images.image_files import is_ignored_folder
from edgecls.model.labels import class_key, clean_label, find_label
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.harvest_folder import FOLDERS_COLUMNS, FOLDERS_CSV, HARVEST_COLUMNS, HARVEST_CSV
from edgecls.results.active_learning.reviews import PredictedFrame, Reviews, known_labels

MAX_LABELS_LISTED = 12
"""The number of known labels that an error message lists."""


@dataclass(frozen=True, slots=True)
class HarvestLabels:
    """The labels of the images of a harvest.

    Attributes:
        reviews: The frames with a label, and their labels.
        unsorted: The number of images in the folder `unknown` or outside the label folders.
        removed: The number of images that no longer exist.
        ambiguous: The file names of images that are in two folders.
    """

    reviews: list[tuple[PredictedFrame, str]]
    unsorted: int
    removed: int
    ambiguous: list[str]


def import_labels(folder: Path, database: Path, new_labels: Iterable[str] = ()) -> tuple[HarvestLabels, int]:
    """Store the label of each image as a review of its frame, and return the labels and the number of changed reviews.

    Either everything is stored, or nothing. A second import changes nothing.

    Args:
        folder: A folder that `write_folder` created.
        database: The database that the harvest is from.
        new_labels: Labels to accept although no model and no review has them.

    Raises:
        InputNotFound, BadData: `folder` is not a harvest.
        BadData: A folder has the name of an unknown label.
        UsageError: One of `new_labels` has no images.
        EdgeclsError: As `Reviews` raises it.
    """
    harvest = read_harvest(folder)
    with Reviews(database) as reviews:
        known = known_labels(reviews.database)
        accepted = {class_key(label) for label in (*known, *new_labels)}
        unknown = Counter(
            label for frame, label in harvest.reviews if class_key(label) not in {*accepted, class_key(frame.predicted)}
        )
        if unknown:
            raise BadData(_unknown_labels_message(unknown, known, database))
        used = {class_key(label) for _, label in harvest.reviews}
        if unused := [label for label in new_labels if class_key(label) not in used]:
            raise UsageError(f"--new-label {unused[0]}: no folder of that name has images: correct the name or omit it")
        return harvest, reviews.put_frames(harvest.reviews)


def _unknown_labels_message(counts: Counter[str], known: list[str], database: Path) -> str:
    listed = ", ".join(f"{label!r} ({count} image{'s' * (count != 1)})" for label, count in sorted(counts.items()))
    names = [label for label in known if label != UNKNOWN]
    more = f", and {len(names) - MAX_LABELS_LISTED} more" if len(names) > MAX_LABELS_LISTED else ""
    options = " ".join(f"--new-label {shlex.quote(label)}" for label in sorted(counts))
    return (
        f"folders whose names no model and no review in {database} has as a label: {listed} "
        f"(known: {', '.join(names[:MAX_LABELS_LISTED])}{more}); nothing was stored; "
        f"move these images to the right folders, or accept the labels with {options}"
    )


def read_harvest(folder: Path) -> HarvestLabels:
    """Return the labels that the images have by the folders they are in. Raises InputNotFound and BadData."""
    rows = _read_csv(folder / HARVEST_CSV, HARVEST_COLUMNS)
    label_of_folder = {row["folder"]: row["label"] for row in _read_csv(folder / FOLDERS_CSV, FOLDERS_COLUMNS)}
    folders_of_image = _folders_of_images(folder)
    reviews, ambiguous, counts = [], [], Counter[str]()
    for row in rows:
        folders = folders_of_image.get(_composed(row["file"]), set())
        if not folders:
            counts["removed"] += 1
        elif len(folders) > 1:
            ambiguous.append(row["file"])
        elif label := _label_of(next(iter(folders)), label_of_folder):
            reviews.append((_predicted_frame(row, folder), label))
        else:
            counts["unsorted"] += 1
    return HarvestLabels(reviews, counts["unsorted"], counts["removed"], ambiguous)


def _label_of(folder: str, label_of_folder: dict[str, str]) -> str:
    """Return the label in FOLDERS_CSV of a folder, otherwise its cleaned name; '' for `unknown`."""
    listed = find_label(folder, label_of_folder)
    label = clean_label(folder) if listed is None else label_of_folder[listed]
    return "" if class_key(label) == UNKNOWN else label


def _folders_of_images(root: Path) -> dict[str, set[str]]:
    """Return file name -> the top-level folders of `root` that contain it at any depth; '' for `root` itself.

    Folders of the operating system (`.Trash-1000`, `@eaDir`) are ignored.
    """
    folders_of_image = defaultdict(set)
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_ignored_folder(name)]
        top_level, *_ = Path(parent).relative_to(root).parts or ("",)
        for name in names:
            folders_of_image[_composed(name)].add(top_level)
    return folders_of_image


def _composed(name: str) -> str:
    """Return a file name as it was before a Mac decomposed its letters (Unicode NFC)."""
    return unicodedata.normalize("NFC", name)


def _predicted_frame(row: dict[str, str], folder: Path) -> PredictedFrame:
    try:
        score = float(row["score"]) if row["score"] else None
    except ValueError as error:
        raise BadData(f"{folder / HARVEST_CSV}: invalid score {row['score']!r}: restore the original file") from error
    return PredictedFrame(row["source"], row["key"], row["path"], row["predicted"], score, row["model"], row["reason"])


def _read_csv(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        return list(_csv_rows(path, columns))
    except FileNotFoundError as error:
        raise InputNotFound(f"{path} does not exist: use a folder that edgecls harvest --out created") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} is not a CSV file in UTF-8 ({error}): restore the original file") from error


def _csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or [])
        if missing:
            raise BadData(f"{path} has no column {min(missing)!r}: restore the original file")
        for row in reader:
            yield {column: row[column] or "" for column in columns}
