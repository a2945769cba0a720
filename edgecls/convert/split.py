"""Who trains, who stops the training, who is examined: stratified, seeded, never separating a group."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgecls.convert.samples import Sample, Split
from edgecls.errors import BadData

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.15  # of what is not tested

log = logging.getLogger(__name__)


def split_samples(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """The samples in their order, each with a split.

    Splits that are given stay, even where they separate a group, which is then warned of. Where none is given, a fifth of each class is held out as `test`; where no validation
    is given, 15 % of the training samples become it. At least one group of each class lands in each split. Raises
    BadData where the samples cannot give that.
    """
    if len({sample.label for sample in samples}) < 2:
        raise BadData(f"only one class ({samples[0].label!r}): a classifier needs at least two")
    rng = np.random.default_rng(seed)
    if all(sample.split is None for sample in samples):
        samples = _divide([replace(sample, split="train") for sample in samples], "test", TEST_SHARE, rng)
    _warn_of_straddling(samples)
    if not any(sample.split == "test" for sample in samples):
        samples = _divide(samples, "test", TEST_SHARE, rng)
    if not any(sample.split == "validation" for sample in samples):
        samples = _divide(samples, "validation", VALIDATION_SHARE, rng)
    _check_training(samples)
    return list(samples)


def _divide(samples: Sequence[Sample], into: Split, share: float, rng: np.random.Generator) -> list[Sample]:
    """Move about `share` of each class's training samples into the split `into`, whole groups at a time."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.split == "train":
            groups[_group(sample)].append(sample)
    names = list(groups)
    rng.shuffle(names)
    counts = {name: Counter(sample.label for sample in groups[name]) for name in names}
    chosen = _choose(names, counts, share)
    return [
        replace(sample, split=into) if sample.split == "train" and _group(sample) in chosen else sample
        for sample in samples
    ]


def _choose(names: Sequence[str], counts: dict[str, Counter[str]], share: float) -> set[str]:
    """Names of the groups to hold out: rare classes choose first, and a class's last group is never taken."""
    total = sum(counts.values(), Counter[str]())
    groups_left = Counter(label for name in names for label in counts[name])
    chosen: set[str] = set()
    held: Counter[str] = Counter()
    for label in sorted(total, key=lambda label: (total[label], label)):
        wanted = max(1.0, share * total[label])
        mine = [name for name in names if label in counts[name] and name not in chosen]
        # A group that would take much too much comes last, and only if nothing else would be held out.
        mine.sort(key=lambda name: counts[name][label] > 1.5 * wanted)
        for name in mine:
            surplus = held[label] + counts[name][label] - wanted
            if held[label] >= wanted - 0.5 or (held[label] and surplus > 0.5 * wanted):
                break
            if all(groups_left[other] > 1 for other in counts[name]):
                chosen.add(name)
                held.update(counts[name])
                groups_left.subtract(list(counts[name]))
    return chosen


def _group(sample: Sample) -> str:
    """A sample without a group is one of its own."""
    return f"group {sample.group}" if sample.group else f"file {sample.path}"


def _warn_of_straddling(samples: Sequence[Sample]) -> None:
    splits: dict[str, set[str | None]] = defaultdict(set)
    for sample in samples:
        splits[_group(sample)].add(sample.split)
    straddling = sorted(group for group, found in splits.items() if len(found) > 1)
    if straddling:
        log.warning(
            "%d groups are in more than one of the splits that were given (the first is %r): the test may flatter",
            len(straddling),
            straddling[0],
        )


def _check_training(samples: Sequence[Sample]) -> None:
    found = Counter((sample.label, sample.split) for sample in samples)
    for label in sorted({sample.label for sample in samples}):
        missing = [split for split in ("train", "validation", "test") if not found[label, split]]
        if missing:
            have = sum(found[label, split] for split in ("train", "validation", "test"))
            raise BadData(
                f"class {label!r} has {have} usable image{'s' if have != 1 else ''} and none for {missing[0]}: "
                "a class needs at least one (and one group) in each of train, validation and test: add images"
            )
