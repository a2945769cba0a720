"""Read a data set, in any of its forms, into one list of labelled files."""

import csv
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from edgecls.errors import BadData, InputNotFound, UsageError, from_os_error
from edgecls.images.image_files import Exclusions, file_begins_like_image, find_images
from edgecls.model.labels import class_key, clean_label
from edgecls.training.data.archive import Member, find_archived_images, is_archive
from edgecls.training.data.class_names import unify_classes
from edgecls.training.data.groups import find_groups
from edgecls.training.data.layout import find_layout
from edgecls.training.data.npz import NpzRow, read_arrays
from edgecls.training.data.sample import Sample
from edgecls.training.data.split_names import SPLIT_NAMES, Split

log = logging.getLogger(__name__)


def read_samples(
    dataset: Path,
    split_file: Path | None = None,
    group_by: str | None = None,
    *,
    exclude: Sequence[str] = (),
    labels: Collection[str] = (),
) -> list[Sample]:
    """Return the samples of a data set, by label and path: of a folder, a `.zip` or `.tar` of one, a CSV, or an `.npz`.

    How classes and splits are found in a folder or an archive: see `find_layout`, which `labels` are for; how it was
    read, and what was not taken, is logged. A CSV has the columns `path,label[,split][,group]`. A split file (CSV:
    `file,class,split[,group]`, files relative to the data set's folder) decides which images are used, and for what.
    `group_by` is a regular expression that finds the group in a file's path, see `find_groups`; `exclude` are globs, see
    `Exclusions`. Raises InputNotFound, BadData, UsageError and IoFailed; the files are not decoded.
    """
    if not dataset.exists():
        raise InputNotFound(
            f"there is no data set {dataset}: pass a folder with one sub-folder per class, a CSV, a .zip, .tar or .npz file"
        )
    archived = is_archive(dataset)
    root = dataset if dataset.is_dir() or archived else dataset.parent
    if is_npz(dataset):
        if split_file is not None or group_by is not None:
            unusable = "--split-file" if split_file is not None else "--group-by"
            raise UsageError(f"{unusable} applies to files, and {dataset} contains none: omit it")
        samples = list(_read_npz(dataset))
    elif split_file is not None:
        samples = _rest_trains(_read_csv(split_file, root, file="file", label="class", need_split=True))
        if dataset.is_file() and not archived:
            samples = _restrict(samples, _read_csv(dataset, root, file="path", label="label"), split_file)
    elif dataset.is_dir() or archived:
        samples = _read_folders(dataset, Exclusions(exclude), labels)
    else:
        samples = _rest_trains(_read_csv(dataset, root, file="path", label="label"))
    if not samples:
        raise BadData(f"{dataset} lists no images: add some")
    if archived:
        samples = [replace(sample, member=_member(sample.path, dataset)) for sample in samples]
    samples = unify_classes(samples)
    if group_by is not None:
        samples = _group(samples, root, group_by)
    return sorted(samples, key=lambda sample: (sample.label, sample.path))


def _member(path: Path, archive: Path) -> Member:
    return Member(archive, PurePosixPath(os.path.relpath(path, archive)).as_posix())


def reviewed_samples(reviewed: Iterable[tuple[str | Path, str]]) -> list[Sample]:
    """Return (image, label) pairs as samples. Raises BadData for an invalid label."""
    return unify_classes([Sample(Path(path), label) for path, label in reviewed])


def _rest_trains(listed: Iterable[Sample]) -> list[Sample]:
    """Assign samples without a split to training, if other samples have one."""
    samples = list(listed)
    divided = any(sample.split for sample in samples)
    return [replace(sample, split="train") if divided and not sample.split else sample for sample in samples]


def _group(samples: Sequence[Sample], root: Path, group_by: str) -> list[Sample]:
    if any(sample.group for sample in samples):
        raise UsageError("groups are given twice, in a column `group` and by --group-by: use one of them")
    groups = find_groups([sample.path for sample in samples], root, group_by)
    return [replace(sample, group=group) for sample, group in zip(samples, groups, strict=True)]


def is_npz(dataset: Path) -> bool:
    """Return whether the data set is one `.npz` file with all images."""
    return dataset.suffix.lower() == ".npz" and dataset.is_file()


def _read_npz(path: Path) -> Iterator[Sample]:
    """Yield the images of an `.npz`: its test images have the split `test`, the others none yet."""
    for name, labels in read_arrays(path).labels.items():
        split: Split | None = "test" if name == "x_test" else None
        for index, label in enumerate(labels):
            yield Sample(Path(f"{path}#{name}[{index}]"), label, split, row=NpzRow(path, name, index))


def _read_folders(root: Path, exclude: Exclusions, labels: Collection[str]) -> list[Sample]:
    """Return the samples of a folder or an archive of class folders; how it was read is logged."""
    try:
        images = find_images(root, exclude) if root.is_dir() else find_archived_images(root, exclude)
    except OSError as error:
        raise from_os_error(error, f"cannot read {root}") from error
    layout = find_layout(images.names, labels)
    passed_over = images.passed_over
    passed_over.update(layout.passed_over)
    for folder in images.empty:
        passed_over.add("folder without images", folder)
    not_taken = passed_over.not_taken()
    if not layout.images:
        without = "no images in the sub-folders of" if images.empty else "no sub-folders in"
        raise BadData(f"{without} {root}{not_taken}: put the images of each class in a folder of its own")
    for assumption in layout.assumptions:
        log.info("%s: %s", root, assumption)
    if not_taken:
        log.warning("%s: %s images%s", root, f"{len(layout.images):,}", not_taken)
    return [Sample(root / image.name, image.label, image.split) for image in layout.images]


def _read_csv(path: Path, root: Path, *, file: str, label: str, need_split: bool = False) -> Iterator[Sample]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            needed = [file, label, *(["split"] if need_split else [])]
            missing = [column for column in needed if column not in (reader.fieldnames or [])]
            if missing:
                raise BadData(f"{path} has no column {missing[0]!r}: its first line must name {', '.join(needed)}")
            for row in reader:
                yield _sample(row, f"{path}, line {reader.line_num}", root, file, label)
    except OSError as error:
        raise from_os_error(error, f"cannot read {path}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        if path.is_file() and file_begins_like_image(path):
            raise BadData(f"{path} is an image: pass a folder with one sub-folder per class, or a CSV") from error
        raise BadData(f"{path} is not a CSV file in UTF-8 ({error}): save it as one") from error


def _sample(row: Mapping[str, str | None], where: str, root: Path, file: str, label: str) -> Sample:
    name, named_label = (row[file] or "").strip(), clean_label(row[label] or "")
    if not name or not named_label or "\0" in name:
        raise BadData(f"{where}: {file} and {label} must both be given")
    split = None
    if "split" in row:
        name_of_split = (row["split"] or "").strip().lower()
        if name_of_split and name_of_split not in SPLIT_NAMES:
            raise BadData(f"{where}: unknown split {name_of_split!r}: use train, val or test, or leave it empty")
        split = SPLIT_NAMES.get(name_of_split)
    return Sample(root / name, named_label, split, (row.get("group") or "").strip() or None)


def _restrict(samples: list[Sample], listed: Iterable[Sample], split_file: Path) -> list[Sample]:
    """Check that a CSV data set and a split file have the same labels; the split file decides the splits."""
    labels = {sample.path: sample.label for sample in listed}
    for sample in samples:
        if class_key(labels.get(sample.path, "")) != class_key(sample.label):
            raise BadData(
                f"{split_file} says {sample.path.name} is {sample.label!r}, the data set says "
                f"{labels.get(sample.path)!r}: make them agree"
            )
    return samples
