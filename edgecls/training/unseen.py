"""Measure which share of the images lies outside what the network sees."""

import logging
from dataclasses import replace
from statistics import fmean

from edgecls.images.framing import MUCH_UNSEEN, Preprocessing, seen_share
from edgecls.training.data.dataset import Dataset

log = logging.getLogger(__name__)


def unseen_share(data: Dataset, spec: Preprocessing) -> float:
    """Return the mean share of the area of the images that `spec` leaves out, 0 to 1."""
    return fmean(1 - seen_share(_size(aspect), spec) for aspect in data.aspects)


def much_is_unseen(data: Dataset, spec: Preprocessing) -> bool:
    """Return whether `spec` leaves out a large part of at least a quarter of the images because of their shape."""
    whole = replace(spec, crop=1.0)
    concerned = sum(1 - seen_share(_size(aspect), whole) > MUCH_UNSEEN for aspect in data.aspects)
    return concerned >= max(1, len(data.aspects) / 4)


def warn_of_unseen(data: Dataset, spec: Preprocessing) -> None:
    """Log a warning, with the remedy, where large parts of the images lie outside."""
    if much_is_unseen(data, spec):
        log.warning(
            "%.0f %% of the images' area lies outside the central square that the network sees: if it matters, convert with "
            "--fit stretch or --fit pad",
            100 * unseen_share(data, spec),
        )


def _size(aspect: float) -> tuple[int, int]:
    """Return a (width, height) of about this ratio, large enough that rounding does not matter."""
    return max(1, round(10_000 * aspect)), 10_000
