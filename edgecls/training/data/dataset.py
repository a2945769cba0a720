"""The data set as it is used: every file read once, unusable images left out, splits decided."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from edgecls.errors import BadData
from edgecls.images.depth import UNKNOWN_WHITE, White
from edgecls.model.image_list import ImageList
from edgecls.model.labels import find_label
from edgecls.progress import Progress
from edgecls.training.data import balance
from edgecls.training.data.added import join_reviewed
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
    describe_left_out,
    read_again,
    read_images,
    read_reviewed_images,
    undecodable,
)
from edgecls.training.data.sample import Sample
from edgecls.training.data.samples import is_npz, read_samples
from edgecls.training.data.split import lacking, separated_groups, split_samples
from edgecls.training.data.split_names import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """The samples of a data set that are used, sorted by label and path.

    Attributes:
        samples: The samples, those from reviews last.
        skipped: (path, reason) of each image that was left out.
        fingerprint: A SHA-256 over labels, splits and contents: it does not depend on where the images lie.
        problems: What is wrong with the data set: images that were left out (kinds `undecodable`, `two labels`, `duplicate
            left out`, `class left out`), and other findings.
        added: The number of samples that were added from reviews.
        losses: Files that cannot be read any more after the data set has been read.
        white: The values that are white in files.
        scale: The value that is white in an .npz.
        aspects: The width / height of each sample.
        contents: The SHA-256 of each sample's file and of its pixels, in hexadecimal.
        everything: The same for all images that were read to measure a model, including other splits and duplicates.
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
    everything: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All classes, sorted as text: 10 comes before 9."""
        return tuple(sorted({sample.label for sample in self.samples}))

    def of(self, split: Split) -> list[Sample]:
        """Return the samples of one split, in order."""
        return [sample for sample in self.samples if sample.split == split]

    def of_kind(self, kind: Kind) -> list[Problem]:
        """Return the problems of one kind."""
        return [problem for problem in self.problems if problem.kind == kind]

    def image_list(self) -> ImageList:
        """Return the list of images that goes into the model file."""
        return ImageList.of((s.split, *each) for s, each in zip(self.samples, self.contents, strict=True))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return split -> label -> number of images."""
        counts = Counter((sample.split, sample.label) for sample in self.samples)
        return {split: {label: counts[split, label] for label in self.labels} for split in SPLITS}

    def class_weights(self) -> dict[str, float]:
        """Return label -> weight of a training image; see `balance.class_weights`."""
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
    """Read, check and split a data set; its problems are logged.

    `reviewed` are added after it has been split, see `join_reviewed`: the splits do not depend on them. `white` is the
    value that is white, see `dataset_white`; by default it is detected. Raises InputNotFound, BadData, UsageError and
    MissingExtra.
    """
    samples = read_samples(path, split_file, group_by, exclude=exclude)
    samples, scale = apply_scale(path, samples, Scale("", white) if white else None)
    images, bad = read_images(samples, path, progress, appearance=True)
    extra, bad_extra = read_reviewed_images(spell_as(reviewed, {sample.label for sample in samples}), progress)
    whites = dataset_white([*images, *extra], None if scale else white)
    if scale and scale.white > 255:  # a camera that gives arrays of more than 8 bits gives such files, too
        whites = replace(whites, sixteen=scale.white)
    compared = compare_in_full(read_again([*images, *extra], whites, progress), whites)
    kept, copies, contradictions = leave_out_copies(compared[: len(images)])
    skipped = [*bad, *bad_extra, *_paths(copies)]
    with naming_left_out(skipped):
        check_given_splits(samples, kept)
        separated = _separated(kept)
        divided = _divide(kept, seed)
        used, untrained = leave_out_untrained(divided, [image.sample for image in divided])
        skipped += [(path, "is of a class without training images") for problem in untrained for path in problem.paths]
        joined, surplus, doubts = join_reviewed(used, compared[len(images) :], seed)
    used, skipped = [*used, *joined], [*skipped, *_paths(surplus)]
    problems = [*undecodable([*bad, *bad_extra]), *contradictions, *doubts]
    problems += [*_vanished(samples, used), *untrained, *_incomplete(used), *copies_within_splits(used), *separated]
    problems += [*near_duplicates(used), *_balance(used), *_describe_scale(path, scale), *describe_white(used, whites)]
    return replace(as_dataset(used, skipped, problems), added=len(joined), white=whites, scale=scale)


def apply_scale(path: Path, samples: list[Sample], like: Scale | None) -> tuple[list[Sample], Scale | None]:
    """Return the samples, and the scale of an .npz: `like` where that fits. Samples of files are unchanged."""
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
            f"{path} holds {scale.dtype} values up to {scale.white}: {scale.white} is used as white, as 255 is in files "
            "of 8 bits (--white overrides it)",
        )
    ]


def _paths(copies: Sequence[tuple[Sample, str]]) -> list[tuple[Path, str]]:
    return [(sample.path, reason) for sample, reason in copies]


@contextmanager
def naming_left_out(skipped: Sequence[tuple[Path, str]]) -> Iterator[None]:
    """Append what was left out to the message of a BadData: no warning has named it yet."""
    try:
        yield
    except BadData as error:
        raise BadData(f"{error}{describe_left_out(skipped)}") from None


def check_given_splits(samples: Sequence[Sample], images: Sequence[DatasetImage]) -> None:
    """Raise BadData where no image of a given split can be used: it is never replaced by images of another split."""
    lost = {sample.split for sample in samples} - {image.sample.split for image in images} - {None}
    if lost:
        raise BadData(
            f"no image of the split {min(map(str, lost))!r} can be used: all are undecodable, or have copies in other "
            "splits or under other labels: replace them"
        )


def _divide(images: Sequence[DatasetImage], seed: int) -> list[DatasetImage]:
    divided = split_samples([image.sample for image in images], seed, groups_with_copies(images))
    return [replace(image, sample=sample) for image, sample in zip(images, divided, strict=True)]


def leave_out_untrained(
    images: Sequence[DatasetImage], listed: Iterable[Sample], labels: Sequence[str] = ()
) -> tuple[list[DatasetImage], list[Problem]]:
    """Leave out images of classes that have no training image among the samples `listed`, with one problem per class.

    Classes that a model knows, its `labels`, stay. Nothing is left out where there are no training images at all: such a
    data set is meant for evaluation.
    """
    samples = [image.sample for image in images]
    trained = {sample.label for sample in listed if sample.split in {None, "train"}}
    counts = Counter(sample.label for sample in samples)
    untrained = {label for label in counts.keys() - trained if trained and not find_label(label, labels)}
    problems = [
        Problem(
            "class left out",
            f"class {label!r} has no training image: its {counts[label]} image{'s are' if counts[label] > 1 else ' is'} "
            "left out: move some to the training split",
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
    "validation": "it is never answered where a precision is requested",
    "test": "its accuracy is unknown",
}


def _incomplete(images: Sequence[DatasetImage]) -> list[Problem]:
    """Return a problem for each class without validation or test images."""
    return [
        Problem(
            "class not in every split",
            f"class {label!r} has no {split} image: {_CONSEQUENCES[split]}: add images of it",
        )
        for label, missing in lacking([image.sample for image in images]).items()
        for split in missing
        if split in _CONSEQUENCES
    ]


def as_dataset(
    images: Sequence[DatasetImage], skipped: Sequence[tuple[Path, str]], problems: Sequence[Problem]
) -> Dataset:
    """Return the data set of `images`, and log its problems."""
    warn(problems)
    contents = tuple(image.content for image in images)
    return Dataset(
        tuple(image.sample for image in images),
        tuple(skipped),
        _fingerprint(images),
        tuple(problems),
        contents=contents,
        aspects=tuple(image.aspect for image in images),
    )


def _separated(images: Sequence[DatasetImage]) -> list[Problem]:
    return [
        Problem(
            "separated group",
            f"the given splits divide {name!r} ({len(samples)} images), so the test figures are too good: keep it in one",
            tuple(sample.path for sample in samples),
        )
        for name, samples in separated_groups([image.sample for image in images]).items()
    ]


def _balance(images: Sequence[DatasetImage]) -> list[Problem]:
    train = Counter(image.sample.label for image in images if image.sample.split == "train")
    everything = Counter(image.sample.label for image in images)
    return [*balance.imbalance(train), *balance.few_images(everything)]


def _fingerprint(images: Sequence[DatasetImage]) -> str:
    lines = sorted(f"{image.sample.label}\0{image.sample.split}\0{image.digest}\n" for image in images)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
