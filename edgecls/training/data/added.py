"""Reviewed frames of a device that are added to a data set.

They are used for training only: the figures before and after then come from the same test images, and reviewed images were
selected for being hard. Only a class that the data set lacks gets validation and test images from them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edgecls.errors import BadData
from edgecls.training.data.balance import FEW_IMAGES
from edgecls.training.data.duplicates import groups_with_copies, leave_out_copies
from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage
from edgecls.training.data.sample import Sample
from edgecls.training.data.split import divide_new_classes

LeftOut = list[tuple[Sample, str]]


def join_reviewed(
    images: Sequence[DatasetImage], added: Sequence[DatasetImage], seed: int
) -> tuple[list[DatasetImage], LeftOut, list[Problem]]:
    """Return the images of `added` to use, with their splits; the others, with the reason; and problems.

    `images` are those of the data set, which are unchanged. A picture that is among them is left out: the label in the data
    set takes precedence. Raises BadData for a new class with fewer than ten images.
    """
    mine = {image.picture: image.sample for image in reversed(images)}
    new = [image for image in added if image.picture not in mine]
    known = [(image.sample, mine[image.picture]) for image in added if image.picture in mine]
    kept, left, problems = leave_out_copies(new)
    left = [*((sample, _reason(sample, twin)) for sample, twin in known), *left]
    problems = [*(_problem(*pair) for pair in known if pair[0].label != pair[1].label), *problems]
    return _with_splits(kept, {image.sample.label for image in images}, seed), left, problems


def _with_splits(added: Sequence[DatasetImage], labels: set[str], seed: int) -> list[DatasetImage]:
    counts = Counter(image.sample.label for image in added if image.sample.label not in labels)
    for label, count in sorted(counts.items()):
        if count < FEW_IMAGES:
            raise BadData(
                f"the data set has no class {label!r}, and {count} reviewed image{'s' * (count != 1)} are not enough for a "
                f"new one: correct the reviews, review at least {FEW_IMAGES}, or add images of it to the data set"
            )
    samples = divide_new_classes([image.sample for image in added], set(counts), seed, groups_with_copies(added))
    return [replace(image, sample=sample) for image, sample in zip(added, samples, strict=True)]


def _reason(sample: Sample, twin: Sample) -> str:
    if sample.label == twin.label:
        return f"is the same picture as {twin.path} of the data set"
    return f"is the same picture as {twin.path}, which the data set labels {twin.label!r}"


def _problem(sample: Sample, twin: Sample) -> Problem:
    message = (
        f"{sample.path} was reviewed as {sample.label!r}, and the data set labels {twin.path}, the same picture, "
        f"{twin.label!r}: the review is ignored: correct one of them"
    )
    return Problem("two labels", message, (sample.path, twin.path))
