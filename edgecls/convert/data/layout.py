"""Find the class, and perhaps the split, of each image of a folder or an archive, from the paths alone.

People have the same data set in many layouts. The plain one is a folder for each class. Recognised too, since they would
otherwise train a classifier of "train" against "test", or of photographs against their masks:

    train/cat/1.jpg  valid/cat/2.jpg  test/cat/3.jpg     folders of splits
    seg_train/seg_train/cat/1.jpg                        the same, with more in their names, or each in itself again
    cat/train/1.jpg  cat/test/2.jpg                      splits in each class
    cat/images/1.jpg  cat/masks/1.png                    the masks are not taken
    photos/cat/1.jpg                                     one folder around everything
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgecls.errors import BadData
from edgecls.image_files import PassedOver
from edgecls.labels import class_key

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
_FOLDERS_OF_SPLITS: Mapping[str, Split] = {**SPLIT_NAMES, "dev": "validation", "eval": "test", "evaluation": "test"}

_FILLERS = frozenset(["set", "sets", "data", "dataset", "images", "image", "imgs", "img", "folder", "split", "files"])
"""Words of a folder's name that say nothing: `training_set`, `Test Images`."""

_IMAGES = frozenset(["image", "images", "img", "imgs", "jpegimages", "photos", "original", "originals", "data"])
_MASKS = frozenset(
    ["mask", "masks", "groundtruth", "ground_truth", "gt", "segmentation", "segmentations", "annotation", "annotations"]
) | {"segmentationclass", "segmentationobject", "labels", "trimaps"}
_MASK_FILE = re.compile(r"(.+?)[ _-](?:mask|masks|seg|segmentation|gt|groundtruth)(?:[ _-]?\d+)?\Z", re.IGNORECASE)

AGREEMENT = 0.5
"""Share of the folders in `test` that must be classes in `train`, for both to be splits of one data set."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An image: its path below the data set, with `/`; its class; its split, None where the layout names none."""

    name: str
    label: str
    split: Split | None = None


@dataclass(slots=True)
class Layout:
    """The images with their classes, and what was not taken. `assumptions`: what people should know of how it was read."""

    images: list[Labelled] = field(default_factory=list)
    passed_over: PassedOver = field(default_factory=PassedOver)
    assumptions: list[str] = field(default_factory=list)


def find_layout(names: Sequence[str], labels: Collection[str] = ()) -> Layout:
    """Find the class and the split of each image from `names`, its path below the data set, with `/` between folders.

    `labels` are classes that are known from elsewhere: a single folder called so is a class, and not one around
    everything. Raises BadData for folders of splits without class folders, or with different ones.
    """
    layout = Layout()
    known = {class_key(label) for label in labels}
    images, base = list(names), ""
    while True:
        images = _without_masks(images, base, layout)
        folders = _by_folder(images, base)
        loose = folders.pop("", [])
        splits = _split_folders(folders)
        if splits and _read_splits(folders, splits, base, layout, known):
            break
        only = _only_folder(folders, base)
        if only is None or class_key(only) in known:
            _read_classes(folders, base, layout)
            break
        _count(layout, "beside the class folders", loose)
        loose, images, base = [], folders[only], f"{base}{only}/"
    _count(layout, "beside the class folders", loose)
    if base:
        layout.assumptions.append(f"the classes are the folders in {base}")
    return layout


def _by_folder(names: Sequence[str], base: str) -> dict[str, list[str]]:
    """Return the images of each folder directly below `base` (which ends with `/`, or is empty); '' for none."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folder, found, _ = name.removeprefix(base).partition("/") if name.startswith(base) else ("", "", "")
        folders[folder if found else ""].append(name)
    return dict(folders)


def _only_folder(folders: Mapping[str, Sequence[str]], base: str) -> str | None:
    """Return the folder beside which there is no other, if most of its images are in folders of its own."""
    if len(folders) != 1:
        return None
    ((folder, names),) = folders.items()
    prefix = len(base) + len(folder) + 1
    return folder if 2 * sum("/" in name[prefix:] for name in names) >= len(names) else None


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


def _split_folders(folders: Collection[str]) -> dict[str, Split]:
    """Return the folders that are splits of one data set: two or more, that differ in nothing else."""
    alike: dict[frozenset[str], dict[str, Split]] = defaultdict(dict)
    for folder in folders:
        if meaning := split_of(folder):
            alike[meaning[1]][folder] = meaning[0]
    groups = [group for group in alike.values() if len(set(group.values())) > 1]
    return max(groups, key=len, default={})


def _read_splits(
    folders: Mapping[str, list[str]], splits: Mapping[str, Split], base: str, layout: Layout, known: Collection[str]
) -> bool:
    """Take the images of folders of splits in; return False where these folders are classes.

    Raises BadData where it cannot be told.
    """
    classes = {folder: _classes_in(folders[folder], f"{base}{folder}/", known) for folder in splits}
    train = {class_key(label) for folder, split in splits.items() if split == "train" for label in classes[folder][1]}
    train = train or {class_key(label) for _, labels in classes.values() for label in labels}
    agreeing = [f for f, (_, labels) in classes.items() if labels and _agreement(labels, train) >= AGREEMENT]
    others = set(folders) - set(splits)
    if others and len(agreeing) < 2:
        return False
    for folder in set(splits) - set(agreeing):
        _leave_out(folder, classes, agreeing, base, layout, folders)
    for folder in agreeing:
        inner = _by_folder(folders[folder], classes[folder][0])
        _count(layout, "not in a class folder", inner.pop("", []))
        for label, names in inner.items():
            layout.images += [Labelled(name, label, splits[folder]) for name in names]
    for folder in others:
        _count(layout, "not in a class folder", folders[folder])
    if {splits[folder] for folder in agreeing} == {"train"}:
        layout.images = [Labelled(image.name, image.label) for image in layout.images]
        layout.assumptions.append(f"the classes are the folders in {' and '.join(classes[f][0] for f in agreeing)}")
    else:
        named = ", ".join(f"{base}{folder} ({splits[folder]})" for folder in agreeing)
        layout.assumptions.append(f"the splits are the folders {named}")
    return True


def _leave_out(
    folder: str,
    classes: Mapping[str, tuple[str, list[str]]],
    agreeing: Sequence[str],
    base: str,
    layout: Layout,
    folders: Mapping[str, list[str]],
) -> None:
    """Count the images of a split whose classes are not named. Raises BadData for other classes than in training."""
    if not agreeing:
        listed = " and ".join(sorted(classes))
        raise BadData(
            f"{listed} hold images but no class folders: put the images of each class in a folder of its own, or list "
            "them in a CSV; if these are the names of classes, rename them"
        )
    labels = classes[folder][1]
    if len(labels) > 1:
        raise BadData(
            f"the folders in {classes[folder][0]} ({_some(labels)}) are not those in {classes[agreeing[0]][0]} "
            f"({_some(classes[agreeing[0]][1])}): give the classes the same names, or remove {base}{folder}"
        )
    _count(layout, "without a label", folders[folder])


def _classes_in(names: Sequence[str], prefix: str, known: Collection[str]) -> tuple[str, list[str]]:
    """Return the folder in which the class folders of a split are (`seg_train/seg_train/`), and their names."""
    while True:
        inner = _by_folder(names, prefix)
        inner.pop("", None)
        only = _only_folder(inner, prefix)
        if only is None or class_key(only) in known:
            return prefix, [] if {label.lower() for label in inner} <= _IMAGES | _MASKS else sorted(inner)
        names, prefix = inner[only], f"{prefix}{only}/"


def _agreement(labels: Sequence[str], train: Collection[str]) -> float:
    return sum(class_key(label) in train for label in labels) / len(labels)


def _read_classes(folders: Mapping[str, list[str]], base: str, layout: Layout) -> None:
    """Take the images of class folders in, with their splits where each class has folders of splits."""
    inner = {label: _by_folder(names, f"{base}{label}/") for label, names in folders.items()}
    meanings = {label: {folder: split_of(folder) for folder in parts} for label, parts in inner.items()}
    everywhere = [meaning for of_class in meanings.values() for meaning in of_class.values()]
    splits = {meaning[0] for meaning in everywhere if meaning}
    are_splits = all(everywhere) and len(splits) > 1 and len({words for _, words in filter(None, everywhere)}) == 1
    for label, parts in inner.items():
        for folder, names in parts.items():
            meaning = meanings[label][folder] if are_splits else None
            layout.images += [Labelled(name, label, meaning[0] if meaning else None) for name in names]
    if are_splits:
        used = sorted({folder for parts in inner.values() for folder in parts})
        layout.assumptions.append(f"the splits are the folders {', '.join(used)} in each class")
    elif len(splits) > 1:
        some = min(label for label, parts in meanings.items() if any(parts.values()))
        layout.assumptions.append(f"folders like {base}{some}/{_first_split(meanings[some])} are not used as splits")


def _first_split(meanings: Mapping[str, object]) -> str:
    return min(folder for folder, meaning in meanings.items() if meaning)


def _without_masks(names: Sequence[str], base: str, layout: Layout) -> list[str]:
    """Return the images without the masks that lie beside them; these are counted."""
    folders: dict[str, set[str]] = defaultdict(set)
    for name in names:
        parts = name.split("/")
        for depth in range(len(parts)):
            folders["/".join(parts[:depth])].add(parts[depth] if depth < len(parts) - 1 else "")
    everything = {name.rpartition(".")[0].lower() for name in names}
    masks = {name for name in names if _is_mask(name, base, folders, everything)}
    _count(layout, "mask", [name for name in names if name in masks])
    return [name for name in names if name not in masks]


def _is_mask(name: str, base: str, folders: Mapping[str, set[str]], stems: Collection[str]) -> bool:
    parts = name.split("/")
    for depth in range(base.count("/"), len(parts) - 1):
        if parts[depth].lower() in _MASKS:
            beside = {each.lower() for each in folders["/".join(parts[:depth])]}
            # Directly below the data set a folder "mask" is a class, unless the only others are folders of images.
            at_top = depth == base.count("/")
            if beside & _IMAGES and (not at_top or beside <= _IMAGES | _MASKS | {""}):
                return True
            if not at_top and "" in beside:
                return True
    stem = _MASK_FILE.fullmatch(name.rpartition(".")[0])
    return stem is not None and stem[1].lower() in stems


def _count(
    layout: Layout,
    reason: Literal["mask", "without a label", "not in a class folder", "beside the class folders"],
    names: Sequence[str],
) -> None:
    if names:
        layout.passed_over.add(reason, min(names), len(names))


def _some(names: Collection[str]) -> str:
    first = sorted(names)[:3]
    return ", ".join(first) + (", ..." if len(names) > len(first) else "")
