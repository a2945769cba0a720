"""The data set as it will be used: every file read once, what cannot be used left out, splits decided."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from edgecls.errors import BadData, UsageError
from edgecls.images.depth import UNKNOWN_WHITE, White
from edgecls.model.image_list import ImageList
from edgecls.model.labels import find_label
from edgecls.progress import Progress
from edgecls.training.data import balance
from edgecls.training.data.added import join
from edgecls.training.data.class_names import spell_as
from edgecls.training.data.depths import dataset_white, describe_white
from edgecls.training.data.duplicates import copies_within_splits, groups_with_copies, leave_out_copies
from edgecls.training.data.losses import Losses
from edgecls.training.data.near_duplicates import near_duplicates
from edgecls.training.data.npz import Scale, read_arrays
from edgecls.training.data.problems import Kind, Problem, warn
from edgecls.training.data.read_images import (
    DatasetImage,
    compare_in_full,
    decodable,
    left_out,
    read_again,
    read_images,
    read_reviewed_images,
    undecodable,
)
from edgecls.training.data.samples import Sample, is_npz, read_samples
from edgecls.training.data.split import keep_splits, lacking, separated_groups, split_samples
from edgecls.training.data.split_names import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """The samples to use, by label and path. `skipped` are (path, why) of all that were left out.

    `fingerprint` is a SHA-256 over labels, splits and contents: the same images in another place have the same one.
    `problems` says what is wrong with the data set: what was left out (kinds `undecodable`, `two labels`,
    `duplicate left out`, `class left out`), and what was not. The last `added` of the samples are not of the data set, but were reviewed.
    `losses` takes in the files that cannot be used any more later on.
    `white` is the value that is white in files, `scale` the same in an `.npz`; `aspects` are width / height of each sample.
    """

    samples: tuple[Sample, ...]
    skipped: tuple[tuple[Path, str], ...]
    fingerprint: str
    problems: tuple[Problem, ...] = ()
    added: int = 0
    losses: Losses = field(default_factory=Losses, compare=False)
    white: White = UNKNOWN_WHITE
    scale: Scale | None = None
    aspects: tuple[float, ...] = ()
    contents: tuple[tuple[str, str], ...] = ()
    """Of each sample the SHA-256 of its file and of its pixels, in hexadecimal."""
    everything: frozenset[tuple[str, str]] = frozenset()
    """The same of all images that were read, also those of other splits, or left out as copies."""

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All classes, sorted as text: 10 comes before 9."""
        return tuple(sorted({sample.label for sample in self.samples}))

    def of(self, split: Split) -> list[Sample]:
        """The samples of one split, in order."""
        return [sample for sample in self.samples if sample.split == split]

    def of_kind(self, kind: Kind) -> list[Problem]:
        """The problems of one kind."""
        return [problem for problem in self.problems if problem.kind == kind]

    def image_list(self) -> ImageList:
        """Return the list of images that goes into the model file."""
        return ImageList.of((s.split, *each) for s, each in zip(self.samples, self.contents, strict=True))

    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> label -> number of images."""
        found = Counter((sample.split, sample.label) for sample in self.samples)
        return {split: {label: found[split, label] for label in self.labels} for split in SPLITS}

    def class_weights(self) -> dict[str, float]:
        """Label -> weight of a training image, see `balance.class_weights`."""
        return balance.class_weights(self.counts()["train"])


def read_dataset(
    path: Path,
    split_file: Path | None,
    seed: int,
    progress: Progress,
    *,
    group_by: str | None = None,
    reviewed: Sequence[Sample] = (),
    white: int | None = None,
    exclude: Sequence[str] = (),
) -> Dataset:
    """Read, check and split; problems are logged. Raises InputNotFound, BadData, UsageError and MissingExtra.

    `reviewed` are joined to it once it is split, see `added.join`: it is split as it would be without them. `white` is
    the value that is white, see `depths.dataset_white`; by default it is found.
    """
    samples = read_samples(path, split_file, group_by, exclude=exclude)
    samples, scale = _scaled(path, samples, Scale("", white) if white else None)
    found, bad = read_images(samples, path, progress, looks=True)
    extra, bad_extra = read_reviewed_images(spell_as(reviewed, {sample.label for sample in samples}), progress)
    whites = dataset_white([*found, *extra], None if scale else white)
    if scale and scale.white > 255:  # arrays as a camera of more than 8 bits gives them, and so are its files
        whites = replace(whites, sixteen=scale.white)
    everything = compare_in_full(read_again([*found, *extra], whites, progress), whites)
    images, copies, contradictions = leave_out_copies(everything[: len(found)])
    bad = [*bad, *bad_extra]
    skipped = [*bad, *_paths(copies)]
    with _naming(skipped):
        _check_given(samples, images)
        separated = _separated(images)
        images = _cut(images, seed)
        images, untrained = _without_untrained(images, [image.sample for image in images])
        skipped += [(path, "is of a class without training images") for problem in untrained for path in problem.paths]
        joined, surplus, doubts = join(images, everything[len(found) :], seed)
    images, skipped = [*images, *joined], [*skipped, *_paths(surplus)]
    told = [*undecodable(bad), *contradictions, *doubts, *_vanished(samples, images), *untrained, *_incomplete(images)]
    told += [*copies_within_splits(images), *separated, *near_duplicates(images), *_balance(images)]
    told += [*_describe_scale(path, scale), *describe_white(images, whites)]
    return replace(_dataset(images, skipped, told), added=len(joined), white=whites, scale=scale)


def _scaled(path: Path, samples: list[Sample], like: Scale | None) -> tuple[list[Sample], Scale | None]:
    """Return (the samples, the scale of an `.npz`: `like` where that fits). Samples of files are left alone."""
    if not is_npz(path):
        return samples, None
    scale = read_arrays(path, like).scale
    if not like:
        return samples, scale
    return [replace(each, row=each.row and each.row._replace(scale=scale)) for each in samples], scale


def _describe_scale(path: Path, scale: Scale | None) -> list[Problem]:
    if not scale or scale.white == 255:
        return []
    return [
        Problem(
            "depth",
            f"{path} has values of {scale.dtype} up to {scale.white}: {scale.white} is taken as white, as 255 is in files "
            "of 8 bits (--white overrides it)",
        )
    ]


def read_split(
    path: Path,
    split_file: Path | None,
    split: str | None,
    seed: int,
    progress: Progress,
    *,
    group_by: str | None = None,
    white: White = UNKNOWN_WHITE,
    scale: Scale | None = None,
    exclude: Sequence[str] = (),
    used: ImageList | None = None,
    labels: Sequence[str] = (),
) -> Dataset:
    """Return only the samples of `split`, which may lack classes or be one only: to measure a model with.

    Where the data set does not name `split`, it is the one that `read_dataset` makes with the same `seed` and
    `group_by`; what that leaves out is left out here too. Images in the list `used`, the model's, are then in the split
    that they are in there, and others are drawn. All samples if `split` is None: then only those that do not decode are
    left out. `labels` are the model's, see `find_layout`, and so are
    `white` and `scale`. Raises UsageError for an unknown split, InputNotFound and BadData.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split is called {split!r}: choose from {', '.join(SPLITS)}")
    samples = read_samples(path, split_file, group_by, exclude=exclude, labels=labels)
    samples, _ = _scaled(path, samples, scale)
    named = {sample.split for sample in samples}
    if split and split not in named and not named & {"train", None}:
        raise BadData(f"{split_file or path} has no images in the split {split!r}: choose another, or leave it out")
    cut = split is None or split not in named or (split == "train" and not named >= {"validation", "test"})
    wanted = [sample for sample in samples if cut or sample.split == split]
    images, bad = read_images(wanted, path, progress, looks=False, white=white)
    if split is None:
        return _dataset(images, bad, undecodable(bad))
    others = [] if cut else decodable([sample for sample in samples if sample.split != split], progress, white)
    everything = frozenset(_content(image) for image in [*images, *others])
    images, copies, problems = leave_out_copies(compare_in_full([*images, *others], white))
    ours = set(wanted)
    skipped = [*bad, *_paths([(sample, reason) for sample, reason in copies if sample in ours])]
    with _naming(skipped):
        images = _cut(images, seed, used) if cut else images
        images, untrained = _without_untrained(images, samples, labels)
        images = [image for image in images if image.sample.split == split]
        if not cut:
            _check_given(wanted, images)
        if not images:
            raise BadData(
                f"no image of {path} is in the split {split!r}: leave the split out, to measure on all images"
            )
    concerned = {sample.path for sample in wanted}
    problems = [problem for problem in [*problems, *untrained] if not concerned.isdisjoint(problem.paths)]
    return replace(_dataset(images, skipped, [*undecodable(bad), *problems]), everything=everything)


def _paths(copies: Sequence[tuple[Sample, str]]) -> list[tuple[Path, str]]:
    return [(sample.path, reason) for sample, reason in copies]


@contextmanager
def _naming(skipped: Sequence[tuple[Path, str]]) -> Iterator[None]:
    """Where there are too few images, the error names what was left out: no warning has done that yet."""
    try:
        yield
    except BadData as error:
        raise BadData(f"{error}{left_out(skipped)}") from None


def _check_given(samples: Sequence[Sample], images: Sequence[DatasetImage]) -> None:
    """A split that is given is never cut from another because none of its images can be used."""
    lost = {sample.split for sample in samples} - {image.sample.split for image in images} - {None}
    if lost:
        raise BadData(
            f"no image of the split {min(map(str, lost))!r} can be used: they do not decode, or have copies in other "
            "splits or under other labels: replace them"
        )


def _cut(images: Sequence[DatasetImage], seed: int, used: ImageList | None = None) -> list[DatasetImage]:
    samples, groups = [image.sample for image in images], groups_with_copies(images)
    if used is None:
        drawn = split_samples(samples, seed, groups)
    else:
        drawn = keep_splits(samples, [used.split_of(*_content(image)) for image in images], seed, groups)
    return [replace(image, sample=sample) for image, sample in zip(images, drawn, strict=True)]


def _content(image: DatasetImage) -> tuple[str, str]:
    return image.digest, image.seen_pixels


def _without_untrained(
    images: Sequence[DatasetImage], listed: Iterable[Sample], labels: Sequence[str] = ()
) -> tuple[list[DatasetImage], list[Problem]]:
    """Return the images of classes that have training images among the samples `listed`, and a problem for each other.

    Those that a model knows, its `labels`, stay. All are returned where there are no training images at all: the data
    set is there to measure with.
    """
    samples = [image.sample for image in images]
    trained = {sample.label for sample in listed if sample.split in {None, "train"}}
    counts = Counter(sample.label for sample in samples)
    untrained = {label for label in counts.keys() - trained if trained and not find_label(label, labels)}
    problems = [
        Problem(
            "class left out",
            f"class {label!r} has no training image: its {counts[label]} image{'s are' if counts[label] > 1 else ' is'} "
            "left out: put some into the split for training",
            tuple(sample.path for sample in samples if sample.label == label),
        )
        for label in sorted(untrained)
    ]
    return [image for image in images if image.sample.label not in untrained], problems


def _vanished(samples: Sequence[Sample], images: Sequence[DatasetImage]) -> list[Problem]:
    """Return a problem for each class of which no image can be used."""
    counts = Counter(sample.label for sample in samples)
    usable = {image.sample.label for image in images}
    trained = {sample.label for sample in samples if sample.split in {None, "train"}}
    return [
        Problem("class left out", f"class {label!r} is left out: none of its {counts[label]} images can be used")
        for label in sorted((counts.keys() & trained) - usable)
    ]


_CONSEQUENCES: Mapping[str, str] = {
    "validation": "it is never answered where a precision is asked for",
    "test": "nothing says how well it is recognised",
}


def _incomplete(images: Sequence[DatasetImage]) -> list[Problem]:
    """Return a problem for each class without an image to validate or to test with."""
    return [
        Problem(
            "class not in every split",
            f"class {label!r} has no {split} image: {_CONSEQUENCES[split]}: add images of it",
        )
        for label, missing in lacking([image.sample for image in images]).items()
        for split in missing
        if split in _CONSEQUENCES
    ]


def _dataset(
    images: Sequence[DatasetImage], skipped: Sequence[tuple[Path, str]], problems: Sequence[Problem]
) -> Dataset:
    warn(problems)
    contents = tuple(_content(image) for image in images)
    return Dataset(
        tuple(image.sample for image in images),
        tuple(skipped),
        _fingerprint(images),
        tuple(problems),
        contents=contents,
        everything=frozenset(contents),
        aspects=tuple(image.aspect for image in images),
    )


def _separated(images: Sequence[DatasetImage]) -> list[Problem]:
    found = separated_groups([image.sample for image in images])
    return [
        Problem(
            "separated group",
            f"the given splits separate {name!r} ({len(samples)} images), which flatters the figures: put it into one",
            tuple(sample.path for sample in samples),
        )
        for name, samples in found.items()
    ]


def _balance(images: Sequence[DatasetImage]) -> list[Problem]:
    train = Counter(image.sample.label for image in images if image.sample.split == "train")
    everything = Counter(image.sample.label for image in images)
    return [*balance.imbalance(train), *balance.few_images(everything)]


def _fingerprint(images: Sequence[DatasetImage]) -> str:
    lines = sorted(f"{image.sample.label}\0{image.sample.split}\0{image.digest}\n" for image in images)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
