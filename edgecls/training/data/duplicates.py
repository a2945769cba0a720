"""Duplicates: the same picture more than once, recognised by its pixels."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage
from edgecls.training.data.sample import Sample

_RANK: Mapping[str | None, int] = {None: 0, "train": 0, "validation": 1, "test": 2}
"""Ranks of the splits: of copies in several splits, the one of the highest rank is kept, because it is needed to measure."""


def leave_out_copies(
    images: Sequence[DatasetImage],
) -> tuple[list[DatasetImage], list[tuple[Sample, str]], list[Problem]]:
    """Return the images to use, in order; the others, with the reason; and problems.

    All copies of a picture with two labels are left out, since it is unknown which is right. Of copies in several given
    splits, those in `test` are kept, or else those in `validation`. Copies within one split are kept.
    """
    out: dict[int, str] = {}
    problems = []
    for copies in _copies(images):
        left_out = _contradiction(images, copies) or _straddling(images, copies)
        if left_out:
            reasons, problem = left_out
            out.update(reasons)
            problems.append(problem)
    kept = [image for n, image in enumerate(images) if n not in out]
    return kept, [(images[n].sample, reason) for n, reason in sorted(out.items())], problems


def _copies(images: Sequence[DatasetImage]) -> list[list[int]]:
    """Return the indices of images of the same picture, where there are several."""
    by_picture: dict[str, list[int]] = defaultdict(list)
    for n, image in enumerate(images):
        by_picture[image.picture].append(n)
    return [copies for copies in by_picture.values() if len(copies) > 1]


def _contradiction(images: Sequence[DatasetImage], copies: Sequence[int]) -> tuple[dict[int, str], Problem] | None:
    samples = [images[n].sample for n in copies]
    first = samples[0]
    other = next((sample for sample in samples if sample.label != first.label), None)
    if other is None:
        return None
    reasons = {}
    for n, sample in zip(copies, samples, strict=True):
        twin = first if sample.label != first.label else other
        reasons[n] = f"is the same picture as {twin.path}, which is labelled {twin.label!r}"
    message = (
        f"{first.path} is labelled {first.label!r} and {other.path}, the same picture, {other.label!r}: "
        f"all {len(copies)} copies are left out: keep one, with the right label"
    )
    return reasons, Problem("two labels", message, tuple(sample.path for sample in samples))


def _straddling(images: Sequence[DatasetImage], copies: Sequence[int]) -> tuple[dict[int, str], Problem] | None:
    samples = [images[n].sample for n in copies]
    kept = max(samples, key=lambda sample: _RANK[sample.split])
    out = [n for n in copies if _RANK[images[n].sample.split] < _RANK[kept.split]]
    if not out:
        return None
    reason = f"is a copy of {kept.path}, which is in {kept.split}"
    more = f" (and {len(out) - 1} more)" if len(out) > 1 else ""
    message = f"{images[out[0]].sample.path}{more} {reason}: left out"
    return dict.fromkeys(out, reason), Problem("duplicate left out", message, tuple(sample.path for sample in samples))


def groups_with_copies(images: Sequence[DatasetImage]) -> list[str]:
    """Return the name of each image's group, for `split_samples`: groups that share a picture are one group.

    An image without a group is named by its content, so that its name does not depend on its location or on other images.
    The same holds for a group of copies, unless one in another format is added.
    """
    names = [f"group {each.sample.group}" if each.sample.group else f"image {each.digest}" for each in images]
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    for first, *others in _copies(images):
        for other in others:
            one, two = sorted((root(names[first]), root(names[other])))
            parent[two] = one
    return [root(name) for name in names]


def copies_within_splits(images: Sequence[DatasetImage]) -> list[Problem]:
    """Return one problem if there are copies within a split."""
    copies = _copies(images)
    if not copies:
        return []
    paths = tuple(images[n].sample.path for group in copies for n in group)
    surplus = len(paths) - len(copies)
    message = (
        f"{surplus} image{'s are copies' if surplus > 1 else ' is a copy'} of another in the same split, "
        f"the first {paths[1]} of {paths[0]}: each is counted: remove those that should not be"
    )
    return [Problem("duplicates", message, paths)]
