"""Whether something moves: how much of the picture is not the background that was learnt."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.settings import MotionSettings

_WIDTH = 160  # pixels: a person is still some, sensor noise is averaged away, and a frame costs a small board 1 ms


class MotionGate:
    """Fed with every frame, in order; says for each whether it shows motion, and counts in `still` those that do not.

    Background subtraction of OpenCV: MOG2 (Zivkovic, ICPR 2004) or KNN (Zivkovic and van der Heijden, Pattern
    Recognition Letters 27, 2006), on a small grey copy. Until `warm_up_frames` are seen nothing counts as motion.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self.settings = settings
        self.still = 0
        self.changed = 0.0
        """share of the last picture that differed from the background, 0 to 1"""
        self._shape: tuple[int, ...] = ()
        self._subtractor: Any = None
        self._seen = 0

    def passes(self, pixels: NDArray[np.uint8]) -> bool:
        """Uint8 (height, width, 3), RGB -> whether at least `threshold` of it is not background."""
        self.changed = self._share(_small(pixels))
        self._seen += 1
        moving = self._seen > self.settings.warm_up_frames and self.changed >= self.settings.threshold
        self.still += not moving
        return moving

    def _share(self, grey: NDArray[np.uint8]) -> float:
        if grey.shape != self._shape:  # another camera mode is another picture: what was learnt is worth nothing
            self._shape, self._subtractor, self._seen = grey.shape, self._new(), 0
        mask = self._subtractor.apply(grey)
        # Single pixels are noise; a median removes them and leaves areas as they are.
        return float(np.mean(cv2.medianBlur(mask, 3) > 0))

    def _new(self) -> Any:
        create: Any = {"mog2": cv2.createBackgroundSubtractorMOG2, "knn": cv2.createBackgroundSubtractorKNN}
        return create[self.settings.method](history=self.settings.history_frames, detectShadows=False)


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    size = (min(_WIDTH, width), max(1, round(height * min(_WIDTH, width) / width)))
    return cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]
