"""Near duplicates: nearly identical images in different splits, or with two labels, such as the shots of a burst.

A model that was trained on one of them recognises the other, so that the figures are too good; and of two labels one is
wrong. Candidates are pairs whose perceptual hashes (`phash` of ImageHash: the signs of 64 low frequencies) nearly agree. That
alone would report all images that a fixed camera takes of one kind of object. So a pair must also stand out: its distance must
be well below that from either image to its 20th neighbour.

The limits were chosen by eye on 1,915 photographs of groceries, where all remaining pairs are shots of one burst, and on the
2,624 solar cells of ELPV, all in one pose, where nearly all are two exposures of one cell.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage

MOST_BITS = 10
"""The number of bits, of 64, by which two hashes may differ."""
NEIGHBOUR = 20
"""An image with this many equally near images is not reported, so the shots of a longer burst are not either."""
MOST_RATIO = 0.4
"""The maximum distance of a pair, relative to the distance from either image to its 20th neighbour."""
ROWS = 256
"""Rows compared at a time with all others: 20 MB of distances for 20,000 images."""

_RANK = {"train": 0, "validation": 1, "test": 2}


def near_duplicates(images: Sequence[DatasetImage]) -> list[Problem]:
    """Return a problem for each image with a near duplicate in an earlier split, or with another label."""
    seen = [image for image in images if image.appearance]
    if not seen:
        return []
    bits = np.stack([image.appearance.bits for image in seen if image.appearance])
    thumbnails = np.stack([image.appearance.thumbnail for image in seen if image.appearance])
    ranks = np.array([_RANK[image.sample.split or "train"] for image in seen])
    _, labels = np.unique([image.sample.label for image in seen], return_inverse=True)
    return [_problem(seen[first], seen[second]) for first, second in find_pairs(bits, thumbnails, ranks, labels)]


def find_pairs(
    bits: NDArray[np.bool_], thumbnails: NDArray[np.uint8], ranks: NDArray[np.int_], labels: NDArray[np.int_]
) -> list[tuple[int, int]]:
    """Return pairs of indices of near duplicates.

    Each image is first in one pair at most; second is the nearest image of a lower rank, or of the same rank with another
    label and a lower index, if it is near enough.

    Args:
        bits: Perceptual hashes, (n, 64).
        thumbnails: Grey thumbnails, (n, h, w).
        ranks: The ranks of the splits, (n,).
        labels: (n,).
    """
    order = np.arange(len(ranks))
    signs = bits.astype(np.float32) * 2 - 1  # a matrix product then counts the bits that agree
    units = _normalised(thumbnails)
    pairs = []
    for rows in _chunks(order):
        apart = (signs.shape[1] - signs[rows] @ signs.T) / 2
        contradict = (labels != labels[rows, None]) & (ranks == ranks[rows, None]) & (order < rows[:, None])
        candidates = (apart <= MOST_BITS) & ((ranks < ranks[rows, None]) | contradict)
        some = candidates.any(axis=1)
        rows, candidates = rows[some], candidates[some]  # noqa: PLW2901
        distances = np.where(candidates, _distances(units, rows), np.inf)
        pairs += list(zip(rows.tolist(), distances.argmin(axis=1).tolist(), distances.min(axis=1), strict=True))
    limits = _limits(units, sorted({index for pair in pairs for index in pair[:2]}))
    return [(first, second) for first, second, distance in pairs if distance < min(limits[first], limits[second])]


def _normalised(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (n, pixels), each row with mean 0 and length 1, so that brightness and contrast do not matter."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)  # type: ignore[no-any-return]


def _distances(units: NDArray[np.float32], rows: NDArray[np.int_]) -> NDArray[np.float32]:
    """Return the distances from each of `rows` to all, (rows, n)."""
    return np.sqrt(np.maximum(2 - 2 * (units[rows] @ units.T), 0))  # type: ignore[no-any-return]


def _limits(units: NDArray[np.float32], indices: Sequence[int]) -> dict[int, float]:
    """Return for each index the distance below which a pair with that image stands out."""
    neighbour = min(NEIGHBOUR, len(units) // 2)  # 0 is the picture itself
    limits: dict[int, float] = {}
    for rows in _chunks(np.array(indices, dtype=int)):
        nearest = np.partition(_distances(units, rows), neighbour, axis=1)[:, neighbour]
        limits.update(zip(rows.tolist(), (MOST_RATIO * nearest).tolist(), strict=True))
    return limits


def _chunks(indices: NDArray[np.int_]) -> list[NDArray[np.int_]]:
    return [indices[start : start + ROWS] for start in range(0, len(indices), ROWS)]


def _problem(first: DatasetImage, second: DatasetImage) -> Problem:
    one, other = first.sample, second.sample
    if one.label != other.label:
        contradiction = (
            f"{one.path} ({one.split}) is labelled {one.label!r} and {other.path} ({other.split}), nearly the same "
            f"picture, {other.label!r}: if both show the same object, a label is wrong"
        )
        return Problem("nearly the same, two labels", contradiction, (one.path, other.path))
    message = (
        f"{one.path} ({one.split}) is nearly the same picture as {other.path} ({other.split}), "
        "so the figures are too good: put both into one group"
    )
    return Problem("near duplicates", message, (one.path, other.path))
