"""Whether a model is on known ground, and so how much of a harvest chance should draw.

On known ground a model learns most from what it is unsure of; on new ground it is sure of its mistakes, and only chance
finds them. Whether its answers are those it gave to its validation images tells the one from the other, without a label.
docs/how-to/active-learning.md has the figures.
"""

from dataclasses import dataclass

from sqlite_utils import Database

from edgecls.database.derived import are_tallied
from edgecls.errors import UsageError
from edgecls.results.active_learning.harvest import SampleRequest
from edgecls.results.drift.answers import Period
from edgecls.results.drift.verdict import DRIFT, TOO_FEW, Limits, find_drift
from edgecls.results.queries.filters import NO_FILTERS, Filters

LIMITS = Limits(psi=0.25, only=("labels",), independent=True)
"""From an index of 0.25 on a shift is called major (Siddiqi, "Credit Risk Scorecards", 2006). A false alarm costs little."""


@dataclass(frozen=True, slots=True)
class Advice:
    """`random_share`: the share that chance should draw, 0 to 1; `why`, for people."""

    random_share: float
    why: str = ""


def advise(db: Database, which: Filters = NO_FILTERS) -> Advice:
    """Compare the answers of the last model in the time of `which` with those to its validation images.

    Where `which` names one device or model, theirs.
    """
    period = Period(which.since, which.until)
    device, model = (each[0] if len(each) == 1 else None for each in (which.devices, which.models))
    if not are_tallied(db):
        return Advice(SampleRequest().random_share, "the database has not been counted yet")
    try:
        found = find_drift(db, period, limits=LIMITS, device=device, model=model)
    except UsageError:
        return Advice(SampleRequest().random_share, "the model does not say what it answered to its validation images")
    if found.verdict == TOO_FEW:
        return Advice(SampleRequest().random_share, found.reason)
    index = f"stability index {found.compared['labels'].psi:.2f}"
    if found.verdict == DRIFT:
        return Advice(1.0, f"new ground: {found.model.name} answers otherwise than to its validation images ({index})")
    return Advice(0.15, f"known ground: {found.model.name} answers as to its validation images ({index})")
