"""Whether what a model answers has changed: against its validation images, or against another period."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import UsageError
from edgecls.results.drift.answers import Answers, Model, Period, answers, find_model
from edgecls.results.drift.comparison import Comparison, FrameCounts, compare

LEAST_ROWS = 100
"""On either side: fewer say little of ten bins."""
LEAST_HOURS = 12
"""Of a period: how much hours differ from each other is not to be learnt from fewer."""

DRIFT, NO_DRIFT, TOO_FEW = "drift", "no drift", "too few rows"
WHAT = ("labels", "scores")
BINS = tuple(f"{n / 10:.1f}-{(n + 1) / 10:.1f}" for n in range(10))


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as drift: what chance gives in less than `alpha` of cases, with a stability index of `psi` or more.

    `only`: which of WHAT is compared; `independent`: frames do not come in scenes, each is worth one.
    """

    alpha: float = 0.01
    psi: float = 0.1
    only: tuple[str, ...] = WHAT
    independent: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found; `reason`: why there are too few rows, else empty. `errors` are rows without a label.

    `compared`: what of WHAT was compared -> how it differs; `drifted`: which of these beyond the limits.
    """

    verdict: str
    reason: str
    model: Model
    rows: int
    errors: int
    baseline_rows: int
    compared: Mapping[str, Comparison]
    drifted: tuple[str, ...]


def find_drift(
    db: Database,
    period: Period,
    baseline: Period | None = None,
    *,
    limits: Limits = Limits(),
    model: str | None = None,
    device: str | None = None,
) -> Drift:
    """Compare the answers of a period with those of `baseline`, by default with those to the model's validation images.

    Of one model: `model` is its name or the beginning of its SHA-256, by default the last one that answered in the
    period. `device`: only its rows.

    Raises:
        UsageError: the periods overlap; there is no such model, device or row; or the model file did not have the
            distribution of its validation images.
    """
    if baseline and baseline.overlaps(period):
        raise UsageError("the period and the baseline overlap: rows in both would hide what has changed")
    with translate_errors(database_path(db)), db.atomic():  # one moment of it
        chosen = find_model(db, period, model, device)
        new = answers(db, chosen, period, device)
        old = answers(db, chosen, baseline, device) if baseline else _validation(chosen)
    reason = _too_few(new, old, validated=baseline is None, independent=limits.independent)
    compared = {} if reason else _compared(new, old, limits, validated=baseline is None)
    alpha = limits.alpha / max(1, len(compared))  # Bonferroni's: one alarm in all
    drifted = tuple(what for what, one in compared.items() if one.p < alpha and one.psi >= limits.psi)
    verdict = TOO_FEW if reason else DRIFT if drifted else NO_DRIFT
    return Drift(verdict, reason, chosen, new.answered, new.errors, old.answered, compared, drifted)


def _too_few(new: Answers, old: Answers, *, validated: bool, independent: bool) -> str:
    for name, side in (("the period", new), ("the baseline", old)):
        if side.answered < LEAST_ROWS:
            return f"{name} has {counted(side.answered, 'row')} with an answer, and {LEAST_ROWS} are needed"
        if not (independent or (side is old and validated)) and side.hours < LEAST_HOURS:
            return (
                f"{name} has rows of {counted(side.hours, 'hour')}, and {LEAST_HOURS} are needed to see how hours differ "
                "(--independent does without, where no two frames show one scene)"
            )
    return ""


def counted(number: int, noun: str) -> str:
    """1 row, 2 rows."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _compared(new: Answers, old: Answers, limits: Limits, *, validated: bool) -> dict[str, Comparison]:
    labels = tuple(sorted({*new.labels, *old.labels}))
    return {
        what: compare(
            names := labels if what == "labels" else BINS,
            FrameCounts(new.table(what, names), limits.independent),
            FrameCounts(old.table(what, names), limits.independent or validated),
        )
        for what in limits.only
    }


def _validation(model: Model) -> Answers:
    """What the model file says that it answered to its validation images."""
    try:
        found = json.loads(model.metrics)["validation"]
        labels: dict[str, int] = {str(label): int(count) for label, count in found["labels"].items()}
        scores = dict(zip(range(len(BINS)), map(int, found["scores"]), strict=True))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the file of the model {model.name} does not say what it answered to its validation images: compare with a "
            "period (--baseline-since); edgecls notes it in the models that it converts from your images"
        ) from error
    return Answers({("", 0): labels}, {("", 0): scores}, 0)


def as_object(drift: Drift, period: Period, baseline: Period | None, limits: Limits) -> dict[str, Any]:
    """For JSON."""
    return {
        "verdict": drift.verdict,
        "reason": drift.reason or None,
        "drifted": list(drift.drifted),
        "model": drift.model.name,
        "sha256": drift.model.sha256,
        "period": period.as_object(),
        "baseline": baseline.as_object() if baseline else "validation",
        "rows": drift.rows,
        "errors": drift.errors,
        "baseline_rows": drift.baseline_rows,
        "alpha": limits.alpha,
        "psi_limit": limits.psi,
        **{what: _comparison(one) for what, one in drift.compared.items()},
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "psi": round(one.psi, 6),
        "p": round(one.p, 6),
        "n": one.n,
        "effective_n": round(one.effective_n, 1),
        "baseline_n": one.baseline_n,
        "baseline_effective_n": round(one.baseline_effective_n, 1),
        "categories": [
            {
                "category": each.name,
                "share": round(each.share, 6),
                "baseline_share": round(each.baseline_share, 6),
                "psi": round(each.psi, 6),
            }
            for each in one.categories
        ],
    }
