"""Bookkeeping of the saved frames that are among the best of their label. It touches no files."""

from bisect import insort
from collections import defaultdict


class BestOfEachLabel:
    """The `count` frames of each label that have the highest scores; of equal scores the older one is the better.

    A frame is known by its row id, which grows with age. Memory: `count` entries a label.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._ranked: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)  # (score, -id), worst first
        self._label_of: dict[int, str] = {}

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._label_of

    def add(self, row_id: int, label: str, score: float) -> int | None:
        """Take a frame into account; returns the one that is not, or no longer, among the best of `label`, if any."""
        ranked = self._ranked[label]
        insort(ranked, (score, -row_id))
        self._label_of[row_id] = label
        if len(ranked) <= self._count:
            return None
        demoted = -ranked.pop(0)[1]
        del self._label_of[demoted]
        return demoted

    def remove(self, row_id: int) -> None:
        """Forget a frame; nothing if it is not among the best."""
        label = self._label_of.pop(row_id, None)
        if label is not None:
            self._ranked[label] = [entry for entry in self._ranked[label] if entry[1] != -row_id]

    def most_dispensable(self) -> int | None:
        """Return the frame to delete first: the worst, then the oldest, of the label with the most frames.

        So the best frame of every label is deleted last. None if there are no frames.
        """
        ranked = max(self._ranked.values(), key=lambda ranked: (len(ranked), ranked[0][1] if ranked else 0), default=[])
        return -ranked[0][1] if ranked else None
