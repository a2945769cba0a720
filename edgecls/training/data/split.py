"""Decide which images train, which validate and which test: by a hash of each image's content, or of its group's name.

So an image stays where it is when others come or go, and a group is never divided.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from edgecls.errors import BadData
from edgecls.training.data.sample import Sample
from edgecls.training.data.split_names import Split

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.15  # of what is not tested
HELD_OUT: Mapping[Split, float] = {"test": TEST_SHARE, "validation": VALIDATION_SHARE}

LARGE = 0.1
"""A group with a larger share of a class's images always trains: no hash should decide so much."""

MOST_TRIED = 7
"""The number of groups up to which all divisions are tried, where the hashes leave a class without a split."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


_Counts = Counter[tuple[str, str | None]]
"""(label, split) -> count."""


def split_samples(samples: Sequence[Sample], seed: int, groups: Sequence[str] | None = None) -> list[Sample]:
    """Return the samples in their order, each with a split.

    `groups` names the group of each sample, by default that of `group_names`. Given splits stay, even where they divide a
    group; samples without one train. If no test split is given, about a fifth of the images is held out as `test`; if no
    validation split is given, about 15 % of the rest is held out as `validation`. Only the name of a group and `seed` decide,
    with two exceptions: a group with more than a tenth of the images of a class trains, and a class that would lack a split
    gets a group there, if it has enough groups.

    A class in one or two groups lacks validation or test images, see `lacking`. Raises BadData where there would be
    fewer than two classes to train, or no image at all to validate or to test with.
    """
    given_splits = {sample.split for sample in samples}
    drawn = tuple(split for split in HELD_OUT if split not in given_splits)
    names = group_names(samples) if groups is None else groups
    divided = _draw([replace(sample, split=sample.split or "train") for sample in samples], names, seed, drawn)
    _check(divided, names)
    return divided


def divide_new_classes(samples: Sequence[Sample], labels: set[str], seed: int, groups: Sequence[str]) -> list[Sample]:
    """Return the samples in their order: those of `labels` divided as a data set is, all others for training.

    `groups` as for `split_samples`. Raises BadData where a class of `labels` is in too few groups.
    """
    divided_samples = [replace(sample, split="train") for sample in samples]
    new = [n for n, sample in enumerate(samples) if sample.label in labels]
    divided = _draw([divided_samples[n] for n in new], [groups[n] for n in new], seed, tuple(HELD_OUT))
    for n, sample in zip(new, divided, strict=True):
        divided_samples[n] = sample
    for label, missing in lacking(divided).items():
        raise BadData(
            f"the images of the new class {label!r} are in too few groups (copies are one group), with none left for "
            f"{missing[0]}: review images of other groups"
        )
    return divided_samples


def keep_splits(
    samples: Sequence[Sample], known: Sequence[Split | None], seed: int, groups: Sequence[str]
) -> list[Sample]:
    """Return the samples in their order, each in its `known` split.

    An unknown sample goes with its group, to `train` where any of that trains; otherwise its hash decides, as in
    `split_samples`. Given splits stay.
    """
    given_splits = {sample.split for sample in samples}
    drawn = tuple(split for split in HELD_OUT if split not in given_splits)
    of_group: dict[str, set[Split | None]] = defaultdict(set)
    for name, split in zip(groups, known, strict=True):
        of_group[name].add(split)
    kept = []
    for sample, split, name in zip(samples, known, groups, strict=True):
        with_group = next((each for each in ("train", *drawn) if each in of_group[name]), None)
        own = split if split in drawn or split in {None, "train"} else "train"
        held_out = sample.split if sample.split in HELD_OUT else None
        kept.append(replace(sample, split=held_out or own or with_group or by_hash(name, seed, drawn)))
    return kept


def by_hash(group: str, seed: int, drawn: Sequence[Split] = tuple(HELD_OUT)) -> Split:
    """Return the split, one of `drawn` or `train`, that the hash of a group's name gives."""
    return next((s for s in HELD_OUT if s in drawn and _number(group, seed, s) < HELD_OUT[s]), "train")


def _number(group: str, seed: int, split: Split) -> float:
    """Return a pseudo-random number from 0 to 1 that depends only on the arguments."""
    content = f"{seed}\0{split}\0{group}".encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") / 2**64


@dataclass(slots=True)
class _Group:
    """The images of a group that are still to be divided: label -> number of images."""

    name: str
    counts: Counter[str]
    split: Split = "train"
    large: int = 0
    """The number of images of a large group; 0 for others."""


def _draw(samples: Sequence[Sample], names: Sequence[str], seed: int, drawn: Sequence[Split]) -> list[Sample]:
    """Move groups of training samples into the splits `drawn`."""
    groups: dict[str, _Group] = {}
    fixed: _Counts = Counter()
    total = Counter(sample.label for sample in samples if sample.split == "train")
    for sample, name in zip(samples, names, strict=True):
        if sample.split == "train":
            groups.setdefault(name, _Group(name, Counter())).counts[sample.label] += 1
        else:
            fixed[sample.label, sample.split] += 1
    for group in groups.values():
        if any(count > max(1, LARGE * total[label]) for label, count in group.counts.items()):
            group.large = group.counts.total()
        else:
            group.split = by_hash(group.name, seed, drawn)
    _fill(list(groups.values()), fixed, seed, drawn)
    return [
        replace(sample, split=groups[name].split) if sample.split == "train" else sample
        for sample, name in zip(samples, names, strict=True)
    ]


def _fill(groups: list[_Group], fixed: _Counts, seed: int, drawn: Sequence[Split]) -> None:
    """Move as few groups as possible until every class is in every split, as far as there are enough groups."""
    if not drawn:
        return
    division = _Division(groups, fixed)
    labels_by_group_count = sorted(division.of_label, key=lambda label: (len(division.of_label[label]), label))
    for label in labels_by_group_count:
        if not division.held[label, "train"]:
            division.move_nearest(division.of_label[label], "train", lambda g: -_number(g.name, seed, g.split))
    for label in labels_by_group_count:
        members = division.of_label[label]
        missing = [split for split in drawn if not division.held[label, split]]
        for split in sorted(missing, key=lambda s: min(_number(g.name, seed, s) for g in members) / HELD_OUT[s]):
            free = [group for group in members if group.split != split and division.can_leave(group)]
            training = [group for group in free if group.split == "train"]
            division.move_nearest(training or free, split, lambda g, s=split: _number(g.name, seed, s))  # type: ignore[misc]
    for split in drawn:
        if not division.size(split):
            free = [g for g in groups if g.split not in {"train", split} and division.size(g.split) > 1]
            division.move_nearest(free, split, lambda g, s=split: _number(g.name, seed, s))  # type: ignore[misc]
    if len(groups) <= MOST_TRIED and any(_lacks(groups, fixed, drawn)):
        _try_all(groups, fixed, seed, drawn)


class _Division:
    """Groups in their splits. `held` is (label, split) -> number of groups, plus the images in given splits."""

    def __init__(self, groups: Sequence[_Group], fixed: _Counts) -> None:
        self.held = Counter(fixed)
        self.of_label: dict[str, list[_Group]] = defaultdict(list)
        for group in groups:
            for label in group.counts:
                self.held[label, group.split] += 1
                self.of_label[label].append(group)

    def can_leave(self, group: _Group) -> bool:
        """Return whether the group's split keeps an image of each class without it."""
        return all(self.held[label, group.split] > 1 for label in group.counts)

    def size(self, split: Split) -> int:
        """Return the number of groups and given images in a split; those of several classes count more than once."""
        return sum(count for (_, each), count in self.held.items() if each == split)

    def move_nearest(self, groups: list[_Group], split: Split, distance: Callable[[_Group], float]) -> None:
        """Move the nearest of `groups` to a split, if there is one; large groups last, the smallest of them first.

        Groups that would leave a split without a class are moved only where there are no others.
        """
        candidates = [group for group in groups if self.can_leave(group)] or groups
        if not candidates:
            return
        group = min(candidates, key=lambda each: (each.large, distance(each), each.name))
        for label in group.counts:
            self.held[label, group.split] -= 1
            self.held[label, split] += 1
        group.split = split


def _lacks(groups: Sequence[_Group], fixed: _Counts, drawn: Sequence[Split]) -> tuple[int, int, int]:
    """Return the numbers of classes without training images, of empty splits, and of missing (class, split) pairs."""
    there = set(fixed) | {(label, group.split) for group in groups for label in group.counts}
    labels = {label for label, _ in there}
    splits = ("train", *drawn)
    missing = {(label, split) for label in labels for split in splits if (label, split) not in there}
    empty = sum(all((label, split) in missing for label in labels) for split in splits)
    return sum(split == "train" for _, split in missing), empty, len(missing)


def _try_all(groups: list[_Group], fixed: _Counts, seed: int, drawn: Sequence[Split]) -> None:
    """Choose the division of a few groups that lacks least, and of equal ones the nearest to the hashes."""
    groups = sorted(groups, key=lambda group: _number(group.name, seed, "train"))
    before = [group.split for group in groups]
    best: tuple[tuple[int, int, int], int, tuple[Split, ...]] | None = None
    for splits in product(("train", *drawn), repeat=len(groups)):
        for group, split in zip(groups, splits, strict=True):
            group.split = split
        moves = sum(a != b for a, b in zip(before, splits, strict=True))
        candidate = _lacks(groups, fixed, drawn), moves, splits
        best = min(best or candidate, candidate)
    for group, split in zip(groups, best[2] if best else before, strict=True):
        group.split = split


def lacking(samples: Sequence[Sample]) -> dict[str, list[Split]]:
    """Return label -> the splits in which it has no image, for the labels that lack one."""
    there = {(sample.label, sample.split) for sample in samples}
    missing = {
        label: [split for split in SPLITS if (label, split) not in there] for label in sorted({s for s, _ in there})
    }
    return {label: splits for label, splits in missing.items() if splits}


def group_names(samples: Sequence[Sample]) -> list[str]:
    """Return the name of each sample's group; a sample without a group is one of its own."""
    return [f"group {sample.group}" if sample.group else f"file {sample.path}" for sample in samples]


def separated_groups(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Return the groups that the given splits divide, with their samples. Samples without a split train."""
    by_group: dict[str, list[Sample]] = defaultdict(list)
    for sample, name in zip(samples, group_names(samples), strict=True):
        by_group[name].append(sample)
    return {
        name: members for name, members in sorted(by_group.items()) if len({s.split or "train" for s in members}) > 1
    }


def _check(samples: Sequence[Sample], names: Sequence[str]) -> None:
    """Raise BadData where there are too few images to train, validate and test a classifier."""
    labels = sorted({sample.label for sample in samples})
    trained = sorted({sample.label for sample in samples if sample.split == "train"})
    if len(trained) < 2 <= len(labels):
        what = f"only {trained[0]!r} has training images" if trained else "no class has training images"
        raise BadData(
            f"{what}, and a classifier needs at least two classes: move images of other classes to the training split"
        )
    if len(labels) < 2:
        what = f"only one class ({labels[0]!r})" if labels else "no image that can be used"
        raise BadData(
            f"{what}, and a classifier needs at least two classes: put the images of another class in a folder of "
            "their own beside it, or list them in the CSV with their label"
        )
    for split in SPLITS:
        if not any(sample.split == split for sample in samples):
            groups = len(set(names))
            raise BadData(
                f"none of the {len(samples)} images is left for {split}: they are in {groups} group"
                f"{'s' * (groups != 1)} (copies are one), and {len(trained)} classes want one each to train on: add images"
            )
