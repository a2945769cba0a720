"""Pictures that look all but the same: the shots of a burst, what a fixed camera sees again and again."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 8
MOST_BITS = 3
"""Of 64, by which two pictures may differ that are taken for the same: what noise and compression do to one scene."""


def difference_hash(image: "NDArray[np.uint8]") -> int:
    """Pixels uint8 (height, width, 3), or grey (height, width) -> 64 bits; the order of the channels hardly matters.

    Each bit says whether a pixel of the picture, shrunk to 9 x 8 by area, is brighter than the one to its left.
    After N. Krawetz, "Kind of Like That" (2013). It does not change with brightness or contrast.
    """
    import cv2
    import numpy as np

    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


class LookAlikes:
    """The hashes of the pictures taken so far."""

    def __init__(self) -> None:
        self._taken: list[int] = []

    def has(self, picture: int) -> bool:
        """Whether one of them is at most MOST_BITS from this hash."""
        return any((picture ^ taken).bit_count() <= MOST_BITS for taken in self._taken)

    def take(self, picture: int) -> None:
        """From now on it is one of them."""
        self._taken.append(picture)
