"""The data set as it will be used: every file read once, those that do not decode left out, splits decided."""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgecls.convert.data.samples import Sample, Split, read_samples
from edgecls.convert.data.split import split_samples
from edgecls.convert.workers import for_each
from edgecls.errors import BadData, BadImage, UsageError
from edgecls.preprocess import check
from edgecls.progress import Steps

SPLITS: tuple[Split, ...] = ("train", "validation", "test")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """Samples that decode, by label and path. `skipped` are (path, why) of those that do not.

    `fingerprint` is a SHA-256 over labels, splits and contents: the same images in another place have the same one.
    """

    samples: tuple[Sample, ...]
    skipped: tuple[tuple[Path, str], ...]
    fingerprint: str

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """All classes, sorted."""
        return tuple(sorted({sample.label for sample in self.samples}))

    def of(self, split: Split) -> list[Sample]:
        """The samples of one split, in order."""
        return [sample for sample in self.samples if sample.split == split]

    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> label -> number of images."""
        found = Counter((sample.split, sample.label) for sample in self.samples)
        return {split: {label: found[split, label] for label in self.labels} for split in SPLITS}


def read_dataset(path: Path, split_file: Path | None, seed: int, steps: Steps) -> Dataset:
    """Read, check and split. Raises NoInput and BadData."""
    good, digests, skipped = _read(read_samples(path, split_file), path, steps)
    samples = split_samples(good, seed)
    return Dataset(tuple(samples), tuple(skipped), _fingerprint(samples, digests))


def read_split(path: Path, split_file: Path | None, split: str | None, seed: int, steps: Steps) -> Dataset:
    """Only the samples of `split` (all if None), which may lack classes or be one only: to measure a model with.

    Where the data set does not name `split`, it is the one that `read_dataset` makes with the same `seed`. Raises
    UsageError for an unknown split, NoInput and BadData.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split is called {split!r}: choose from {', '.join(SPLITS)}")
    samples = read_samples(path, split_file)
    named = {sample.split for sample in samples}
    if split in named:
        samples = [sample for sample in samples if sample.split == split]
    elif split and not named & {"train", None}:
        raise BadData(f"{split_file or path} has no images in the split {split!r}: choose another, or leave it out")
    good, digests, skipped = _read(samples, path, steps)
    if split and split not in named:
        marked = zip(split_samples(good, seed), digests, strict=True)
        good, digests = map(list, zip(*((s, d) for s, d in marked if s.split == split), strict=True))
    return Dataset(tuple(good), tuple(skipped), _fingerprint(good, digests))


def _read(
    samples: Sequence[Sample], path: Path, steps: Steps
) -> tuple[list[Sample], list[str], list[tuple[Path, str]]]:
    """(samples that decode, the SHA-256 of each, those that do not and why)."""
    with steps.step("reading images", len(samples)) as advance:
        outcomes = for_each(lambda: None, lambda _, sample: _examine(sample), samples, advance)
    good = [sample for sample, (_, reason) in zip(samples, outcomes, strict=True) if not reason]
    skipped = [(sample.path, reason) for sample, (_, reason) in zip(samples, outcomes, strict=True) if reason]
    for bad, reason in skipped:
        log.warning("%s %s: left out", bad, reason)
    if not good:
        raise BadData(f"none of the {len(samples)} files in {path} is an image that can be decoded: check the data set")
    return good, [digest for digest, reason in outcomes if not reason], skipped


def _examine(sample: Sample) -> tuple[str, str]:
    """(SHA-256 of the content, what is wrong with it or nothing)."""
    try:
        data = sample.path.read_bytes()
        check(data)
    except OSError as error:
        return "", f"cannot be read ({error.strerror})"
    except BadImage as error:
        return "", str(error)
    return hashlib.sha256(data).hexdigest(), ""


def _fingerprint(samples: Sequence[Sample], digests: Sequence[str]) -> str:
    lines = sorted(f"{s.label}\0{s.split}\0{digest}\n" for s, digest in zip(samples, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
