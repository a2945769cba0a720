"""A harvested folder, once its pictures have been moved to where they belong, as reviews."""

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
from edgecls.results.active_learning.harvest_folder import COLUMNS, FOLDERS, REASONS
from edgecls.results.active_learning.reviews import PredictedFrame, Reviews, known_labels

MOST = 12
"""Known labels that a message names."""


@dataclass(frozen=True, slots=True)
class ImportedLabels:
    """What became of the pictures of a harvest: `reviews` as they are stored, and how many more there are.

    `unsorted` still lie among the unknown ones, or in no folder; `removed` are gone; `ambiguous` are the names of those
    that lie in two folders. Of these there is no review.
    """

    reviews: list[tuple[PredictedFrame, str]]
    unsorted: int
    removed: int
    ambiguous: list[str]


def import_labels(folder: Path, database: Path, new_labels: Iterable[str] = ()) -> tuple[ImportedLabels, int]:
    """Store where each picture lies as the review of its frame; returns what was found, and how many reviews are new.

    All at once, or nothing; a second time changes nothing. Raises InputNotFound and BadData where `folder` is no harvest,
    BadData where a folder is named after a label that is neither one of `new_labels` nor known to a model or a review
    of the database, UsageError where no folder is named after one of `new_labels`, and as `Reviews` does.
    """
    found = look(folder)
    with Reviews(database) as reviews:
        known = known_labels(reviews.database)
        keys = {class_key(label) for label in (*known, *new_labels)}
        strange = Counter(
            label for frame, label in found.reviews if class_key(label) not in {*keys, class_key(frame.predicted)}
        )
        if strange:
            raise BadData(_strange_labels(strange, known, database))
        in_use = {class_key(label) for _, label in found.reviews}
        if unused := [label for label in new_labels if class_key(label) not in in_use]:
            raise UsageError(
                f"--new-label {unused[0]}: no image lies in a folder of that name: correct it, or leave it out"
            )
        return found, reviews.put_frames(found.reviews)


def _strange_labels(counts: Counter[str], known: list[str], database: Path) -> str:
    listed = ", ".join(f"{label!r} ({count} image{'s' * (count != 1)})" for label, count in sorted(counts.items()))
    names = [label for label in known if label != UNKNOWN]
    more = f", and {len(names) - MOST} more" if len(names) > MOST else ""
    options = " ".join(f"--new-label {shlex.quote(label)}" for label in sorted(counts))
    return (
        f"folders that are no label of a model or a review in {database}: {listed}; known labels: {', '.join(names[:MOST])}{more}; "
        f"move these images to where they belong, or store the labels with {options}; nothing was stored"
    )


def look(folder: Path) -> ImportedLabels:
    """See where the pictures lie now. Raises InputNotFound and BadData."""
    lines = _lines(folder / REASONS, COLUMNS)
    labels = {line["folder"]: line["label"] for line in _lines(folder / FOLDERS, ("folder", "label"))}
    lies_in = _folders_of(folder)
    said = {place: _label_of(place, labels) for places in lies_in.values() for place in places}
    reviews, ambiguous, counts = [], [], Counter[str]()
    for line in lines:
        places = lies_in.get(_composed(line["file"]), set())
        if not places:
            counts["removed"] += 1
        elif len(places) > 1:
            ambiguous.append(line["file"])
        elif label := said[next(iter(places))]:
            reviews.append((_frame(line, folder), label))
        else:
            counts["unsorted"] += 1
    return ImportedLabels(reviews, counts["unsorted"], counts["removed"], ambiguous)


def _label_of(place: str, labels: dict[str, str]) -> str:
    """Return the label of a folder: that which `folders.csv` gives it, else its cleaned name; '' for `unknown`."""
    folder = find_label(place, labels)
    label = clean_label(place) if folder is None else labels[folder]
    return "" if class_key(label) == UNKNOWN else label


def _folders_of(root: Path) -> dict[str, set[str]]:
    """Name of a file -> the folders of `root` it is in, however deep; '' where it lies beside them.

    Folders of the system (`.Trash-1000`, `@eaDir`) are left out.
    """
    found = defaultdict(set)
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_ignored_folder(name)]
        folder, *_ = Path(place).relative_to(root).parts or ("",)
        for name in names:
            found[_composed(name)].add(folder)
    return found


def _composed(name: str) -> str:
    """Return the name of a file as it was before a macOS machine decomposed its letters."""
    return unicodedata.normalize("NFC", name)


def _frame(line: dict[str, str], folder: Path) -> PredictedFrame:
    try:
        score = float(line["score"]) if line["score"] else None
    except ValueError as error:
        raise BadData(f"{folder / REASONS}: {line['score']!r} is no score: leave this file as it was made") from error
    return PredictedFrame(
        line["source"], line["key"], line["path"], line["predicted"], score, line["model"], line["reason"]
    )


def _lines(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        return list(_read_csv(path, columns))
    except FileNotFoundError as error:
        raise InputNotFound(f"no {path}: name a folder that edgecls harvest has made, with its CSV files") from error
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} is not a CSV file in UTF-8 ({error}): leave it as it was made") from error


def _read_csv(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or [])
        if missing:
            raise BadData(f"{path} has no column {min(missing)!r}: leave it as it was made")
        for row in reader:
            yield {column: row[column] or "" for column in columns}
