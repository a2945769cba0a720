"""A motion gate: background subtraction decides which frames are worth classifying."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgecls.device.configuration.source_settings import MotionSettings

_WIDTH = 160  # pixels: a person still covers several, sensor noise averages out, and a frame costs a small board 1 ms


class MotionGate:
    """Decides for each frame, in order, whether it shows motion. `still` counts the frames that do not.

    Uses OpenCV's background subtraction on a small grey copy: MOG2 (Zivkovic, ICPR 2004) or KNN (Zivkovic and van der
    Heijden, Pattern Recognition Letters 27, 2006). The first `warm_up_frames` frames never count as motion. `changed`
    is the share of the last picture that differed from the background, 0 to 1.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self.settings = settings
        self.still = 0
        self.changed = 0.0
        self._shape: tuple[int, ...] = ()
        self._subtractor: Any = None
        self._seen = 0

    def passes(self, pixels: NDArray[np.uint8]) -> bool:
        """Return whether at least `threshold` of `pixels`, uint8 (height, width, 3) RGB, is not background."""
        self.changed = self._changed_share(_small_grey(pixels))
        self._seen += 1
        moving = self._seen > self.settings.warm_up_frames and self.changed >= self.settings.threshold
        self.still += not moving
        return moving

    def _changed_share(self, grey: NDArray[np.uint8]) -> float:
        if grey.shape != self._shape:  # after a change of the camera mode the learnt background no longer fits
            self._shape, self._subtractor, self._seen = grey.shape, self._new_subtractor(), 0
        mask = self._subtractor.apply(grey)
        # Single pixels are noise. A median filter removes them and keeps areas.
        return float(np.mean(cv2.medianBlur(mask, 3) > 0))

    def _new_subtractor(self) -> Any:
        create: Any = {"mog2": cv2.createBackgroundSubtractorMOG2, "knn": cv2.createBackgroundSubtractorKNN}
        return create[self.settings.method](history=self.settings.history_frames, detectShadows=False)


def _small_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    size = (min(_WIDTH, width), max(1, round(height * min(_WIDTH, width) / width)))
    return cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]
