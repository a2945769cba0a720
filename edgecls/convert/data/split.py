"""Who trains, who stops the training, who is examined: stratified, seeded, never separating a group."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edgecls.convert.data.layout import Split
from edgecls.convert.data.samples import Sample
from edgecls.errors import BadData

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.15  # of what is not tested
SPLITS = 3
ATTEMPTS = 30
"""Where few groups hold several classes each, the best fitting may leave none for the next class: others are tried."""

Groups = Mapping[str, Counter[str]]
"""name of a group -> label -> number of images"""


def split_samples(samples: Sequence[Sample], seed: int, groups: Sequence[str] | None = None) -> list[Sample]:
    """The samples in their order, each with a split. The same samples in the same order and `seed` give the same splits.

    `groups` names the group of each sample, by default that of `group_names`. Splits that are given stay, even where
    they separate a group; a sample without one beside them trains. Where no test is given, a fifth of each class is held out as `test`; where no validation is given,
    15 % of the training samples become it. At least one group of each class lands in each split. Raises BadData where
    the samples cannot give that.
    """
    _check_classes(samples)
    given = {sample.split for sample in samples}
    samples = [replace(sample, split=sample.split or "train") for sample in samples]
    names = group_names(samples) if groups is None else groups
    rng = np.random.default_rng(seed)
    for attempt in range(ATTEMPTS):
        done, rough = samples, attempt > 0
        if "test" not in given:
            done = _divide(done, names, "test", TEST_SHARE, 1 if "validation" in given else 2, rng, rough=rough)
        if "validation" not in given:
            done = _divide(done, names, "validation", VALIDATION_SHARE, 1, rng, rough=rough)
        if not _missing(done, names):
            return done
    raise BadData(_missing(done, names))


def divide_new_classes(samples: Sequence[Sample], labels: set[str], seed: int, groups: Sequence[str]) -> list[Sample]:
    """The samples in their order: those of `labels` divided as a data set's are, all others for training.

    `groups` as for `split_samples`. Raises BadData where a class of `labels` is in too few groups.
    """
    new = [n for n, sample in enumerate(samples) if sample.label in labels]
    divided = [replace(samples[n], split="train") for n in new]
    names, rng = [groups[n] for n in new], np.random.default_rng(seed)
    divided = _divide(divided, names, "test", TEST_SHARE, 2, rng, rough=False)
    divided = _divide(divided, names, "validation", VALIDATION_SHARE, 1, rng, rough=False)
    if missing := _missing(divided, names):
        raise BadData(missing)
    done = [replace(sample, split="train") for sample in samples]
    for n, sample in zip(new, divided, strict=True):
        done[n] = sample
    return done


def _divide(
    samples: Sequence[Sample],
    names: Sequence[str],
    into: Split,
    share: float,
    leave: int,
    rng: np.random.Generator,
    *,
    rough: bool,
) -> list[Sample]:
    """Move about `share` of each class's training samples into the split `into`, whole groups at a time."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for sample, name in zip(samples, names, strict=True):
        if sample.split == "train":
            groups[name][sample.label] += 1
    order = list(groups)
    rng.shuffle(order)
    chosen = _choose({name: groups[name] for name in order}, share, leave, rough=rough)
    return [
        replace(sample, split=into) if sample.split == "train" and name in chosen else sample
        for sample, name in zip(samples, names, strict=True)
    ]


def _choose(groups: Groups, share: float, leave: int, *, rough: bool) -> set[str]:
    """Names of the groups to hold out: of each class about `share` of its images, one group or more.

    At least `leave` groups of each class are not taken: the splits that come after this one need them. Classes in few
    groups choose first, each the group that fits best, or any if `rough`. Then groups that fit are taken in the order
    of `groups`, and last those that do not quite fit but bring the shares nearer to what is wanted.
    """
    out = _HeldOut(groups, share, leave)
    for label in out.rare_first():
        if not out.held[label]:
            names = out.where[label] if rough else sorted(out.where[label], key=out.excess)
            first = next(filter(out.can_spare, names), None)
            if first is not None:
                out.take(first)
    for most in (0.0, math.inf):
        for name in groups:
            if out.excess(name) <= most and out.nears(name) and out.can_spare(name):
                out.take(name)
    return out.names


class _HeldOut:
    """The groups taken so far, and what they hold: `held` is label -> number of images."""

    def __init__(self, groups: Groups, share: float, leave: int) -> None:
        self.names: set[str] = set()
        self.where: dict[str, list[str]] = defaultdict(list)
        """Label -> its groups, in order"""
        for name, counts in groups.items():
            for label in counts:
                self.where[label].append(name)
        self.held = dict.fromkeys(self.where, 0)
        self._groups = groups
        total = {label: sum(groups[name][label] for name in names) for label, names in self.where.items()}
        self._wanted = {label: max(1.0, share * count) for label, count in total.items()}
        self._spare = {label: len(names) - leave for label, names in self.where.items()}

    def rare_first(self) -> list[str]:
        """The labels, those in the fewest groups first."""
        return sorted(self.where, key=lambda label: (len(self.where[label]), self._wanted[label], label))

    def take(self, name: str) -> None:
        """Hold the group out."""
        self.names.add(name)
        for label, count in self._groups[name].items():
            self.held[label] += count
            self._spare[label] -= 1

    def can_spare(self, name: str) -> bool:
        """Whether the group can be taken, and its classes still have enough left."""
        return name not in self.names and all(self._spare[label] > 0 for label in self._groups[name])

    def excess(self, name: str) -> float:
        """By how much the group would take too many, as a share; half an image is rounding."""
        counts = self._groups[name].items()
        return max(max(0.0, self.held[x] + n - self._wanted[x] - 0.5) / self._wanted[x] for x, n in counts)

    def nears(self, name: str) -> bool:
        """Whether what is held is nearer to what is wanted with the group: the squared distance falls."""
        counts = self._groups[name].items()
        return sum(n * (n + 2 * (self.held[x] - self._wanted[x])) / self._wanted[x] ** 2 for x, n in counts) < 0


def group_names(samples: Sequence[Sample]) -> list[str]:
    """The name of each sample's group; a sample without a group is one of its own."""
    return [f"group {sample.group}" if sample.group else f"file {sample.path}" for sample in samples]


def separated_groups(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The groups that the given splits separate, by name, each with its samples. No split beside others is `train`."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample, name in zip(samples, group_names(samples), strict=True):
        found[name].append(sample)
    return {name: members for name, members in sorted(found.items()) if len({s.split or "train" for s in members}) > 1}


def _check_classes(samples: Sequence[Sample]) -> None:
    labels = sorted({sample.label for sample in samples})
    if len(labels) < 2:
        found = f"only one class ({labels[0]!r})" if labels else "no image that can be used"
        raise BadData(
            f"{found}, and a classifier needs at least two classes: put the images of another class in a folder of "
            "their own beside it, or list them in the CSV with their label"
        )


def _missing(samples: Sequence[Sample], names: Sequence[str]) -> str:
    """What is wrong if a class is missing from a split, else nothing. `names` are those of the groups."""
    found = Counter((sample.label, sample.split) for sample in samples)
    groups = Counter(label for label, _ in {(s.label, name) for s, name in zip(samples, names, strict=True)})
    for label in sorted({sample.label for sample in samples}):
        missing = [split for split in ("train", "validation", "test") if not found[label, split]]
        if missing:
            have = sum(found[label, split] for split in ("train", "validation", "test"))
            if have >= SPLITS > groups[label]:
                return (
                    f"class {label!r} is in only {groups[label]} group{'s' if groups[label] != 1 else ''} (copies are "
                    f"one), with none left for {missing[0]}: it needs one in each of train, validation and test: make "
                    "the groups smaller, or add images of others"
                )
            return (
                f"class {label!r} has {have} usable image{'s' if have != 1 else ''} and none for {missing[0]}: "
                "a class needs at least one (and one group) in each of train, validation and test: add images"
            )
    return ""
