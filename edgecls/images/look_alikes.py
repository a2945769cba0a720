"""Recognise pictures that look almost the same: a burst, or what a fixed camera sees again and again."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 8
MOST_BITS = 3
"""Bits of 64 in which two pictures of one scene may differ, because of noise and compression."""


def difference_hash(image: "NDArray[np.uint8]") -> int:
    """Return 64 bits for pixels uint8 (height, width, 3), BGR or RGB, or grey (height, width).

    Each bit says whether a pixel of the picture, shrunk to 9 x 8 by area, is brighter than the one to its left.
    After N. Krawetz, "Kind of Like That" (2013). It does not change with brightness or contrast.
    """
    import cv2
    import numpy as np

    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


class LookAlikes:
    """The difference hashes of the pictures seen so far."""

    def __init__(self) -> None:
        self._taken: list[int] = []

    def has(self, picture: int) -> bool:
        """Return whether one of them differs from this hash in at most MOST_BITS bits."""
        return any((picture ^ taken).bit_count() <= MOST_BITS for taken in self._taken)

    def take(self, picture: int) -> None:
        """Remember a hash."""
        self._taken.append(picture)
