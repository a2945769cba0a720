"""Files that could be used when the data set was read, and cannot any more: removed, replaced, or on a disk that failed.

A conversion reads its images several times, and the last time is after all training. One file that is gone by then is
named and left out; what was trained is not lost for it.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadData, EdgeclsError, from_os_error
from edgecls.images.framing import Preprocessing
from edgecls.images.preprocess import load_pixels
from edgecls.training.data.samples import Sample

log = logging.getLogger(__name__)

SHOWN = 5
"""Files of which a warning is logged; the others are only counted."""


class Losses:
    """The lost files of a data set, each with the reason. To be shared between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reasons: dict[Path, str] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def add(self, path: Path, reason: str) -> None:
        """Note a file, and log a warning unless it is known or there have been many."""
        with self._lock:
            known = path in self._reasons
            self._reasons.setdefault(path, reason)
            count = len(self._reasons)
        if known or count > SHOWN + 1:
            return
        if count > SHOWN:
            log.warning("more images cannot be used any more: is the disk of the data set still there?")
        else:
            log.warning("%s %s: it could be used when the data set was read; it is left out from here on", path, reason)


def reason_of(error: EdgeclsError) -> str:
    """Return what is wrong with a sample whose file could not be read or decoded, without the file's name."""
    cause = error.__cause__
    return str(from_os_error(cause, "cannot be read")) if isinstance(cause, OSError) else str(error)


def load_or_substitute(
    samples: Sequence[Sample], number: int, spec: Preprocessing, losses: Losses
) -> NDArray[np.uint8]:
    """Return the pixels of `samples[number]`, or of the next sample with its label where that one is lost.

    So the arrays of a training keep their shape, and nothing is learnt that is not a picture. Raises BadData where all
    samples of the label are lost.
    """
    label = samples[number].label
    for sample in (*samples[number:], *samples[:number]):
        if sample.label != label:
            continue
        try:
            return load_pixels(sample.read(), spec)
        except EdgeclsError as error:
            losses.add(sample.path, reason_of(error))
    raise BadData(f"no image of the class {label!r} can be read any more: is the disk of the data set still there?")
