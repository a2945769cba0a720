"""Tell masks of a segmentation, which lie beside the images in many data sets, from the images."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from edgecls.training.data.split_names import split_folders

IMAGES = frozenset(["image", "images", "img", "imgs", "jpegimages", "photos", "original", "originals", "data"])
MASKS = frozenset(
    ["mask", "masks", "groundtruth", "ground_truth", "gt", "segmentation", "segmentations", "annotation", "annotations"]
) | {"segmentationclass", "segmentationobject", "labels", "trimaps"}
_MASK_FILE = re.compile(r"(.+?)[ _-](?:mask|masks|seg|segmentation|gt|groundtruth)(?:[ _-]?\d+)?\Z", re.IGNORECASE)


def without_masks(names: Sequence[str], base: str) -> tuple[list[str], list[str]]:
    """Return (images, masks) of `names`, paths with `/`; `base` is the folder above them all that is the data set."""
    folders: dict[str, set[str]] = defaultdict(set)
    for name in names:
        parts = name.split("/")
        for depth in range(len(parts)):
            folders["/".join(parts[:depth])].add(parts[depth] if depth < len(parts) - 1 else "")
    stems = {name.rpartition(".")[0].lower() for name in names}
    masks = {name for name in names if _is_mask(name, base, folders, stems)}
    return [name for name in names if name not in masks], sorted(masks)


def _is_mask(name: str, base: str, folders: Mapping[str, set[str]], stems: Collection[str]) -> bool:
    parts = name.split("/")
    for depth in range(base.count("/"), len(parts) - 1):
        if parts[depth].lower() in MASKS:
            beside = {each.lower() for each in folders["/".join(parts[:depth])]}
            # Directly below the data set a folder "mask" is a class, unless the only others are folders of images.
            at_top = depth == base.count("/")
            if beside & IMAGES and (not at_top or beside <= IMAGES | MASKS | {""}):
                return True
            splits = split_folders(beside)
            if splits and not beside - MASKS - {""} - set(splits):
                return True
            if not at_top and "" in beside:
                return True
    stem = _MASK_FILE.fullmatch(name.rpartition(".")[0])
    return stem is not None and stem[1].lower() in stems
