"""Find the splits that names of folders mean: `train`, `Test Images`, `seg_valid`."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Literal

Split = Literal["train", "validation", "test"]

SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_FOLDERS_OF_SPLITS: Mapping[str, Split] = {
    **SPLIT_NAMES,
    "trainval": "train",
    "dev": "validation",
    "eval": "test",
    "evaluation": "test",
}

_SPLIT_WORD = re.compile(rf"(?<![a-z])(?:{'|'.join(_FOLDERS_OF_SPLITS)})(?![a-z])", re.IGNORECASE)

_FILLERS = frozenset(["set", "sets", "data", "dataset", "images", "image", "imgs", "img", "folder", "split", "files"])
"""Words of a folder's name that say nothing: `training_set`, `Test Images`."""


def split_of(folder: str) -> tuple[Split, frozenset[str]] | None:
    """Return the split that a folder's name means, and the words of the name beside it; None where it means none."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", folder).lower()
    words = [word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", spaced)]
    words = [
        re.sub(r"^(train(?:ing)?|val|valid(?:ation)?|test(?:ing)?)(set|data|images)$", r"\1", word) for word in words
    ]
    splits = [word for word in words if word in _FOLDERS_OF_SPLITS]
    if len(splits) != 1:
        return None
    return _FOLDERS_OF_SPLITS[splits[0]], frozenset(words) - {splits[0], ""} - _FILLERS


def split_folders(folders: Collection[str]) -> dict[str, Split]:
    """Return the folders that are splits of one data set: two or more, that differ in nothing else."""
    alike: dict[frozenset[str], dict[str, Split]] = defaultdict(dict)
    for folder in folders:
        if meaning := split_of(folder):
            alike[meaning[1]][folder] = meaning[0]
    groups = [group for group in alike.values() if len(set(group.values())) > 1]
    return max(groups, key=len, default={})


def without_split(folder: str) -> str:
    """Return a folder's name without the word that means a split: `cats_train` is `cats`."""
    return _SPLIT_WORD.sub("", folder).strip(" _-.")
