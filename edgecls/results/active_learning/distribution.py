"""The recommended random share of a harvest.

On frames like its training images (in distribution), a model learns most from those that it is unsure of. Out of
distribution it is sure of its mistakes, and only a random sample finds them. The two cases are told apart without
labels: by comparing the model's answers with those to its validation images. docs/how-to/active-learning.md has the
figures.
"""

from dataclasses import dataclass

from sqlite_utils import Database

from edgecls.errors import UsageError
from edgecls.results.active_learning.harvest import SampleRequest
from edgecls.results.drift.answers import Period
from edgecls.results.drift.verdict import DRIFT, TOO_FEW, DriftLimits, find_drift
from edgecls.results.queries.filters import NO_FILTERS, Filters

LIMITS = DriftLimits(psi=0.25, only=("labels",), independent=True)
"""A shift with an index of 0.25 or more is called major (Siddiqi, "Credit Risk Scorecards", 2006); false alarms are cheap."""
OUT_OF_DISTRIBUTION_SHARE = 1.0
IN_DISTRIBUTION_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The recommended share of randomly drawn frames, 0 to 1, and the reason."""

    random_share: float
    reason: str = ""


def recommend_random_share(db: Database, filters: Filters = NO_FILTERS) -> Recommendation:
    """Compare the answers of the last model in the interval of `filters` with those to its validation images.

    If `filters` name exactly one device or model, only its rows count.
    """
    period = Period(filters.since, filters.until)
    device, model = (names[0] if len(names) == 1 else None for names in (filters.devices, filters.models))
    try:
        drift = find_drift(db, period, limits=LIMITS, device=device, model=model)
    except UsageError:
        return Recommendation(
            SampleRequest().random_share, "the answers cannot be compared with those to validation images"
        )
    if drift.verdict == TOO_FEW:
        return Recommendation(SampleRequest().random_share, drift.reason)
    index = f"stability index {drift.compared['labels'].psi:.2f}"
    if drift.verdict == DRIFT:
        return Recommendation(
            OUT_OF_DISTRIBUTION_SHARE,
            f"out of distribution: the answers of {drift.model.name} differ from those to its validation images ({index})",
        )
    return Recommendation(
        IN_DISTRIBUTION_SHARE,
        f"in distribution: the answers of {drift.model.name} match those to its validation images ({index})",
    )
