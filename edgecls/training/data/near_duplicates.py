"""Pictures that are all but the same and stand in different splits, or under two labels: a burst, one thing twice.

A model that has seen one of them knows the other, and the figures flatter it; and of two labels one is wrong. Candidates are pairs whose perceptual
hashes (`phash` of the package ImageHash: the signs of 64 low frequencies) nearly agree. That alone would report all
pictures that a fixed camera takes of one kind of thing. So a pair must also stand out: its distance must be well below
that from either picture to its 20th neighbour.

The limits were chosen by eye on 1,915 photographs of groceries, where all the pairs they leave are shots of one burst,
and on the 2,624 solar cells of ELPV, all in one pose, where nearly all are two exposures of one cell.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgecls.training.data.problems import Problem
from edgecls.training.data.read_images import DatasetImage

MOST_BITS = 10
"""Of 64, by which the hashes may differ."""
NEIGHBOUR = 20
"""Of a picture with so many that are as near, none is reported: so nothing is of a burst that is longer."""
MOST_RATIO = 0.4
"""Distance of a pair over the distance from either to its 20th neighbour."""
ROWS = 256
"""Compared at a time with all others: 20 MB of distances for 20,000 images."""

_RANK = {"train": 0, "validation": 1, "test": 2}


def near_duplicates(images: Sequence[DatasetImage]) -> list[Problem]:
    """A problem for each image with one that is nearly the same in a split before its own, or under another label."""
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
    """Hashes (n, 64), grey thumbnails (n, h, w), the ranks of their splits (n,) and labels (n,) -> pairs of indices.

    Each picture comes first in one pair at most; second is the nearest picture of a lower rank, or of the same rank, with
    another label and before it, if it is near enough.
    """
    order = np.arange(len(ranks))
    signs = bits.astype(np.float32) * 2 - 1  # so that a product of matrices counts the bits that agree
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
    """(n, pixels), each row with mean 0 and length 1: neither brightness nor contrast counts."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)  # type: ignore[no-any-return]


def _distances(units: NDArray[np.float32], rows: NDArray[np.int_]) -> NDArray[np.float32]:
    """From each of `rows` to all: (rows, n)."""
    return np.sqrt(np.maximum(2 - 2 * (units[rows] @ units.T), 0))  # type: ignore[no-any-return]


def _limits(units: NDArray[np.float32], indices: Sequence[int]) -> dict[int, float]:
    """The distance below which a pair with this picture stands out."""
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
            f"picture, {other.label!r}: if both show one thing, a label is wrong"
        )
        return Problem("nearly the same, two labels", contradiction, (one.path, other.path))
    message = (
        f"{one.path} ({one.split}) is nearly the same picture as {other.path} ({other.split}), "
        "which flatters the figures: put both into one group"
    )
    return Problem("near duplicates", message, (one.path, other.path))
