"""Find the class, and perhaps the split, of each image of a folder or an archive, from the paths alone.

People have the same data set in many layouts. The plain one is a folder for each class. Recognised too, since they would
otherwise train a classifier of "train" against "test", or of photographs against their masks:

    train/cat/1.jpg  valid/cat/2.jpg  test/cat/3.jpg     folders of splits
    seg_train/seg_train/cat/1.jpg                        the same, with more in their names, or each in itself again
    cat/train/1.jpg  cat/test/2.jpg                      splits in each class
    cat/images/1.jpg  cat/masks/1.png                    the masks are not taken
    photos/cat/1.jpg                                     one folder around everything
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgecls.errors import BadData
from edgecls.images.image_files import PassedOver
from edgecls.model.labels import class_key
from edgecls.training.data.masks import IMAGES, MASKS, without_masks
from edgecls.training.data.split_names import Split, split_folders, split_of, without_split

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
        images, masks = without_masks(images, base)
        _count(layout, "mask", masks)
        folders = _by_folder(images, base)
        loose = folders.pop("", [])
        splits = split_folders(folders)
        if splits and _read_splits(folders, splits, base, layout, known):
            break
        folders = _without_copies(folders, base, layout)
        if not splits:
            _check_lone_split(folders, base, known)
            _check_inner_splits(folders, base, known)
        only = _only_folder(folders, base)
        if only is None or class_key(only) in known:
            _read_classes(folders, base, layout)
            break
        _count(layout, "beside the class folders", loose)
        loose, images, base = [], folders[only], f"{base}{only}/"
    _count(layout, "beside the class folders", loose)
    if base and not layout.assumptions:
        layout.assumptions.append(f"the classes are the folders in {base}")
    return layout


def _by_folder(names: Sequence[str], base: str) -> dict[str, list[str]]:
    """Return the images of each folder directly below `base` (which ends with `/`, or is empty); '' for none."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folder, separator, _ = name.removeprefix(base).partition("/") if name.startswith(base) else ("", "", "")
        folders[folder if separator else ""].append(name)
    return dict(folders)


def _only_folder(folders: Mapping[str, Sequence[str]], base: str) -> str | None:
    """Return the folder beside which there is no other, if most of its images are in folders of its own."""
    if len(folders) != 1:
        return None
    ((folder, names),) = folders.items()
    prefix = len(base) + len(folder) + 1
    return folder if 2 * sum("/" in name[prefix:] for name in names) >= len(names) else None


def _read_splits(
    folders: Mapping[str, list[str]], splits: Mapping[str, Split], base: str, layout: Layout, known: Collection[str]
) -> bool:
    """Take the images of folders of splits in; return False where these folders are classes.

    Raises BadData where this is ambiguous.
    """
    classes = {folder: _classes_in(folders[folder], f"{base}{folder}/", known) for folder in splits}
    train = {class_key(label) for folder, split in splits.items() if split == "train" for label in classes[folder][1]}
    train = train or {class_key(label) for _, labels in classes.values() for label in labels}
    agreeing = [f for f, (_, labels) in classes.items() if labels and _agreement(labels, train) >= AGREEMENT]
    others = set(folders) - set(splits)
    loose = any("/" not in name.removeprefix(f"{base}{folder}/") for folder in splits for name in folders[folder])
    if others and not train and loose:
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
            return prefix, [] if {label.lower() for label in inner} <= IMAGES | MASKS else sorted(inner)
        names, prefix = inner[only], f"{prefix}{only}/"


def _agreement(labels: Sequence[str], train: Collection[str]) -> float:
    return sum(class_key(label) in train for label in labels) / len(labels)


def _without_copies(folders: Mapping[str, list[str]], base: str, layout: Layout) -> dict[str, list[str]]:
    """Return the folders without those that hold the others once more, as in `flowers/rose` and `flowers/flowers/rose`."""
    siblings = {class_key(folder) for folder in folders}
    kept = {}
    for folder, names in folders.items():
        inner = set(_by_folder(names, f"{base}{folder}/")) - {""}
        if len(inner) > 1 and _agreement(sorted(inner), siblings) > AGREEMENT:
            _count(layout, "not in a class folder", names)
        else:
            kept[folder] = names
    return kept


def _check_lone_split(folders: Mapping[str, list[str]], base: str, known: Collection[str]) -> None:
    """Raise BadData where one folder is called like a split, and those beside it like none.

    It may be a split with the classes in it, or a class of its own: where it holds folders and the others hold none, or
    the same ones, nobody can tell.
    """
    for folder in sorted(folders):
        labels = _classes_in(folders[folder], f"{base}{folder}/", known)[1]
        if len(folders) < 2 or split_of(folder) is None or len(labels) < 2 or class_key(folder) in known:
            continue
        keys = {class_key(label) for label in labels}
        others = {other: _classes_in(folders[other], f"{base}{other}/", known)[1] for other in set(folders) - {folder}}
        if all(not labels or _agreement(labels, keys) >= AGREEMENT for labels in others.values()):
            raise BadData(
                f"{base}{folder} holds folders ({_some(labels)}), and {_some(others)} beside it may be classes or parts "
                f"of the data set: name {base}{folder} as the data set, rename it if it is a class, or call the others "
                "train, validation and test"
            )


def _check_inner_splits(folders: Mapping[str, list[str]], base: str, known: Collection[str]) -> None:
    """Raise BadData where a folder holds splits with the same classes in them, and a folder beside it does not."""
    divided = [folder for folder, names in folders.items() if _holds_splits(names, f"{base}{folder}/", known)]
    if divided and len(divided) < len(folders) and class_key(divided[0]) not in known:
        others = set(folders) - set(divided)
        raise BadData(
            f"{base}{divided[0]} holds folders of splits with classes in them, and {_some(others)} beside it may be other "
            f"classes or no part of the data set: name {base}{divided[0]} as the data set, or --exclude the others"
        )


def _holds_splits(names: Sequence[str], prefix: str, known: Collection[str]) -> bool:
    inner = _by_folder(names, prefix)
    classes = [_classes_in(inner[folder], f"{prefix}{folder}/", known)[1] for folder in split_folders(inner)]
    keys = {class_key(label) for labels in classes for label in labels}
    return len(keys) > 1 and all(labels and _agreement(labels, keys) >= AGREEMENT for labels in classes)


def _read_classes(folders: Mapping[str, list[str]], base: str, layout: Layout) -> None:
    """Take the images of class folders in, with their splits where each class has folders of splits."""
    if _read_split_names(folders, layout):
        return
    inner = {label: _by_class(names, f"{base}{label}/") for label, names in folders.items()}
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
    elif len(inner) > 1 and len(same := set.intersection(*map(set, inner.values())) - {""}) > 1:
        layout.assumptions.append(
            f"the classes are {_some(inner)}, though each has the folders {_some(same)}: if these are the classes, name "
            f"one of the others as the data set, or put the images of each class together"
        )


def _by_class(names: Sequence[str], prefix: str) -> dict[str, list[str]]:
    """Return the images of each folder in a class; a folder `images` that holds all of them is passed through."""
    inner = _by_folder(names, prefix)
    while len(inner) == 1 and next(iter(inner)).lower() in IMAGES:
        prefix = f"{prefix}{next(iter(inner))}/"
        inner = _by_folder(names, prefix)
    return inner


def _read_split_names(folders: Mapping[str, list[str]], layout: Layout) -> bool:
    """Take the images of folders like `cats_train`, `cats_test`, `dogs_train` in; return False for other ones."""
    meanings = {folder: split_of(folder) for folder in folders}
    words = {meaning[1] for meaning in meanings.values() if meaning}
    if not all(meanings.values()) or len(words) < 2 or len(folders) < 2 * len(words) or frozenset() in words:
        return False
    for folder, meaning in meanings.items():
        split = meaning[0] if meaning else None
        label = without_split(folder)
        layout.images += [Labelled(name, label, split) for name in folders[folder]]
    layout.assumptions.append(f"classes and splits are in the names of the folders {_some(folders)}")
    return True


def _first_split(meanings: Mapping[str, object]) -> str:
    return min(folder for folder, meaning in meanings.items() if meaning)


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
