"""A harvested folder, once its pictures have been moved to where they belong, as reviews."""

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import BadData, NoInput, from_os_error
from edgecls.records import UNKNOWN
from edgecls.results.next_model.harvest_folder import COLUMNS, FOLDERS, REASONS
from edgecls.results.next_model.reviews import PredictedFrame, Reviews


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What became of the pictures of a harvest: `reviews` as they are stored, and how many more there are.

    `unsorted` still lie among the unknown ones, or in no folder; `removed` are gone; `ambiguous` are the names of those
    that lie in two folders. Of these there is no review.
    """

    reviews: list[tuple[PredictedFrame, str]]
    unsorted: int
    removed: int
    ambiguous: list[str]


def read_back(folder: Path, database: Path) -> tuple[ReadBack, int]:
    """Store where each picture lies as the review of its frame; returns what was found, and how many reviews are new.

    All at once, or nothing; a second time changes nothing. Raises NoInput and BadData where `folder` is no harvest, and
    as `Reviews` does.
    """
    found = look(folder)
    with Reviews(database) as reviews:
        return found, reviews.put_frames(found.reviews)


def look(folder: Path) -> ReadBack:
    """See where the pictures lie now. Raises NoInput and BadData."""
    lines = _lines(folder / REASONS, COLUMNS)
    labels = {line["folder"]: line["label"] for line in _lines(folder / FOLDERS, ("folder", "label"))}
    lies_in = _folders_of(folder)
    reviews, ambiguous, counts = [], [], Counter[str]()
    for line in lines:
        places = lies_in.get(line["file"], set())
        if not places:
            counts["removed"] += 1
        elif len(places) > 1:
            ambiguous.append(line["file"])
        elif (label := labels.get(*places, *places)) in {UNKNOWN, ""}:
            counts["unsorted"] += 1
        else:
            reviews.append((_frame(line, folder), label))
    return ReadBack(reviews, counts["unsorted"], counts["removed"], ambiguous)


def _folders_of(root: Path) -> dict[str, set[str]]:
    """Name of a file -> the folders of `root` it is in, however deep; '' where it lies beside them."""
    found = defaultdict(set)
    for place, _, names in os.walk(root):
        folder, *_ = Path(place).relative_to(root).parts or ("",)
        for name in names:
            found[name].add(folder)
    return found


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
        raise NoInput(f"no {path}: name a folder that edgecls harvest has made, with its CSV files") from error
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
