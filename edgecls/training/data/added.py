"""Images from elsewhere that join a data set: what people have reviewed of a device's frames.

They train, and never measure: figures before and after are of the same test images, and a review is of a picture that
was chosen for being hard. A class that the data set lacks is another thing: without images to measure it with, it could be none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from edgecls.errors import BadData
from edgecls.training.data.balance import FEW_IMAGES
from edgecls.training.data.duplicates import groups_with_copies, leave_out_copies
from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage
from edgecls.training.data.samples import Sample
from edgecls.training.data.split import divide_new_classes

Left = list[tuple[Sample, str]]


def join_reviewed(
    images: Sequence[DatasetImage], added: Sequence[DatasetImage], seed: int
) -> tuple[list[DatasetImage], Left, list[Problem]]:
    """(those of `added` to use, each with a split; the others, each with the reason; what to tell).

    `images` are the data set's, and stay. A picture that they hold already is left out: the data set's label stands.
    Raises BadData for a class that the data set lacks and that has fewer than ten images.
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
                f"the data set has no class {label!r}, and {count} reviewed image{'s' * (count != 1)} are too few for a "
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
        f"{twin.label!r}: the review is left out: correct the one or the other"
    )
    return Problem("two labels", message, (sample.path, twin.path))
