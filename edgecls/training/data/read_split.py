"""Read one split of a data set, or all of it, to measure a model with."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgecls.errors import BadData, UsageError
from edgecls.images.depth import UNKNOWN_WHITE, White
from edgecls.model.image_list import ImageList
from edgecls.progress import Progress
from edgecls.training.data.dataset import (
    SPLITS,
    Dataset,
    apply_scale,
    as_dataset,
    check_given_splits,
    leave_out_untrained,
    naming_left_out,
)
from edgecls.training.data.duplicates import groups_with_copies, leave_out_copies
from edgecls.training.data.npz import Scale
from edgecls.training.data.read_images import DatasetImage, compare_in_full, read_images, undecodable
from edgecls.training.data.sample import Sample
from edgecls.training.data.samples import read_samples
from edgecls.training.data.split import keep_splits


def read_split(
    path: Path,
    split_file: Path | None,
    split: str | None,
    progress: Progress,
    *,
    seed: int = 0,
    group_by: str | None = None,
    white: White = UNKNOWN_WHITE,
    scale: Scale | None = None,
    exclude: Sequence[str] = (),
    model_images: ImageList | None = None,
    labels: Sequence[str] = (),
) -> Dataset:
    """Read the images of `split`, which may lack classes; all images that can be decoded where `split` is None.

    Where the data set does not name `split`, an image is in the split that `model_images` lists, the list in the model
    file. A new image goes with its group, or else its hash and `seed` decide. `labels`, `white` and `scale` are those of
    the model. Raises UsageError for an unknown split, and where neither the data set nor the model names splits;
    InputNotFound and BadData.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"unknown split {split!r} (known: {', '.join(SPLITS)})")
    samples, _ = apply_scale(path, read_samples(path, split_file, group_by, exclude=exclude, labels=labels), scale)
    named = split is not None and _is_named(split, samples, split_file or path)
    if split is not None and not named and model_images is None:
        raise UsageError(
            f"{split_file or path} names no {split} images, and the model file lists none: pass --split-file, or omit --split"
        )
    images, bad = read_images(samples, path, progress, appearance=False, white=white)
    everything = frozenset(image.content for image in images)
    if split is None:
        return replace(as_dataset(images, bad, undecodable(bad)), everything=everything)
    kept, copies, problems = leave_out_copies(compare_in_full(images, white))
    wanted = {sample.path for sample in samples if not named or sample.split == split}
    bad = [(path, reason) for path, reason in bad if path in wanted]
    skipped = [*bad, *((sample.path, reason) for sample, reason in copies if sample.path in wanted)]
    with naming_left_out(skipped):
        if named:
            check_given_splits([sample for sample in samples if sample.split == split], kept)
        elif model_images is not None:
            kept = _listed_splits(kept, model_images, seed)
        kept, untrained = leave_out_untrained(kept, samples, labels)
        chosen = [image for image in kept if image.sample.split == split]
        if not chosen:
            raise BadData(f"no image of {path} is in the split {split!r}: omit --split to measure on all images")
    problems = [problem for problem in [*problems, *untrained] if not wanted.isdisjoint(problem.paths)]
    return replace(as_dataset(chosen, skipped, [*undecodable(bad), *problems]), everything=everything)


def _is_named(split: str, samples: Sequence[Sample], source: Path) -> bool:
    """Return whether the data set itself says which images are in `split`.

    Raises BadData where it divides all images into other splits. Training images are named only where validation and
    test images are too: otherwise these are drawn from the training images.
    """
    named = {sample.split for sample in samples}
    if split not in named and not named & {"train", None}:
        raise BadData(f"{source} has no images in the split {split!r}: choose another one, or omit --split")
    return split in named and (split != "train" or named >= {"validation", "test"})


def _listed_splits(images: Sequence[DatasetImage], model_images: ImageList, seed: int) -> list[DatasetImage]:
    listed = [model_images.split_of(*image.content) for image in images]
    samples = keep_splits([image.sample for image in images], listed, seed, groups_with_copies(images))
    return [replace(image, sample=sample) for image, sample in zip(images, samples, strict=True)]
