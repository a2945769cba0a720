"""The verdict on drift: the answers of a model compared with those to its validation images or of another period."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.errors import UsageError
from edgecls.results.drift.answers import AnswerCounts, ModelRow, Period, find_model, read_answer_counts
from edgecls.results.drift.comparison import Comparison, FrameCounts, compare_distributions

MIN_ROWS = 100
"""The fewest rows on either side: fewer say little about ten bins."""
MIN_HOURS = 12
"""The fewest hours of a period: fewer do not show how much hours differ."""

DRIFT, NO_DRIFT, TOO_FEW = "drift", "no drift", "too few rows"
DISTRIBUTIONS = ("labels", "scores")
BINS = tuple(f"{n / 10:.1f}-{(n + 1) / 10:.1f}" for n in range(10))


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """The limits beyond which a difference counts as drift.

    Attributes:
        alpha: The highest rate of false alarms: a difference counts if its p is lower.
        psi: The lowest population stability index that counts.
        only: The DISTRIBUTIONS to compare.
        independent: No two frames show one scene, so that each counts as one independent frame.
    """

    alpha: float = 0.01
    psi: float = 0.1
    only: tuple[str, ...] = DISTRIBUTIONS
    independent: bool = False


@dataclass(frozen=True, slots=True)
class DriftReport:
    """The result of a comparison.

    Attributes:
        verdict: DRIFT, NO_DRIFT or TOO_FEW.
        reason: Why there are too few rows; empty otherwise.
        rows, baseline_rows: Numbers of rows with a label.
        errors: The number of rows without a label.
        compared: The comparison of each distribution.
        drifted: The distributions that differ by more than the limits.
    """

    verdict: str
    reason: str
    model: ModelRow
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
    limits: DriftLimits = DriftLimits(),
    model: str | None = None,
    device: str | None = None,
) -> DriftReport:
    """Compare the answers of a model in a period with those in another period or to its validation images.

    Args:
        db: A database of results.
        period: The period to examine.
        baseline: The period to compare with; None for the validation images of the model.
        limits: The differences that count as drift.
        model: A name or the beginning of a SHA-256; None for the model with the latest answer in the period.
        device: Only rows of this device; None for all.

    Raises:
        UsageError: The periods overlap; the model or the device has no rows; or the model file does not contain the
            distribution of the answers to its validation images.
    """
    if baseline and baseline.overlaps(period):
        raise UsageError("the period and the baseline overlap: rows in both would hide a change")
    with translate_errors(database_path(db)), db.atomic():  # a single snapshot
        model_row = find_model(db, period, model, device)
        new = read_answer_counts(db, model_row, period, device)
        old = read_answer_counts(db, model_row, baseline, device) if baseline else _validation_answers(model_row)
    reason = _reason_too_few(new, old, old_is_validation=baseline is None, independent=limits.independent)
    compared = {} if reason else _compare_answers(new, old, limits, old_is_validation=baseline is None)
    alpha = limits.alpha / max(
        1, len(compared)
    )  # Bonferroni correction: alpha is the rate for all comparisons together
    drifted = tuple(name for name, one in compared.items() if one.p < alpha and one.psi >= limits.psi)
    verdict = TOO_FEW if reason else DRIFT if drifted else NO_DRIFT
    return DriftReport(verdict, reason, model_row, new.answered, new.errors, old.answered, compared, drifted)


def _reason_too_few(new: AnswerCounts, old: AnswerCounts, *, old_is_validation: bool, independent: bool) -> str:
    for name, side in (("the period", new), ("the baseline", old)):
        if side.answered < MIN_ROWS:
            return f"{name} has {with_unit(side.answered, 'row')} with an answer, {MIN_ROWS} are required"
        if not (independent or (side is old and old_is_validation)) and side.hours < MIN_HOURS:
            return (
                f"{name} has rows from {with_unit(side.hours, 'hour')}, {MIN_HOURS} are required to estimate how much "
                "hours differ (use --independent if no two frames show the same scene)"
            )
    return ""


def with_unit(number: int, noun: str) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _compare_answers(
    new: AnswerCounts, old: AnswerCounts, limits: DriftLimits, *, old_is_validation: bool
) -> dict[str, Comparison]:
    labels = tuple(sorted({*new.labels, *old.labels}))
    categories = {"labels": labels, "scores": BINS}
    return {
        name: compare_distributions(
            categories[name],
            FrameCounts(new.by_category(name, categories[name]), limits.independent),
            FrameCounts(old.by_category(name, categories[name]), limits.independent or old_is_validation),
        )
        for name in limits.only
    }


def _validation_answers(model: ModelRow) -> AnswerCounts:
    """Return the counts of the answers to the validation images, from the metrics of the model file."""
    try:
        validation = json.loads(model.metrics)["validation"]
        labels: dict[str, int] = {str(label): int(count) for label, count in validation["labels"].items()}
        scores = dict(zip(range(len(BINS)), map(int, validation["scores"]), strict=True))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the model file of {model.name} has no distribution of the answers to its validation images: compare with "
            "a period (--baseline-since), or use a model that edgecls converted from labelled images"
        ) from error
    return AnswerCounts({("", 0): labels}, {("", 0): scores}, 0)


def report_as_dict(report: DriftReport, period: Period, baseline: Period | None, limits: DriftLimits) -> dict[str, Any]:
    """Return the report for JSON."""
    return {
        "verdict": report.verdict,
        "reason": report.reason or None,
        "drifted": list(report.drifted),
        "model": report.model.name,
        "sha256": report.model.sha256,
        "period": period.as_dict(),
        "baseline": baseline.as_dict() if baseline else "validation",
        "rows": report.rows,
        "errors": report.errors,
        "baseline_rows": report.baseline_rows,
        "alpha": limits.alpha,
        "psi_limit": limits.psi,
        **{name: _comparison_as_dict(one) for name, one in report.compared.items()},
    }


def _comparison_as_dict(one: Comparison) -> dict[str, Any]:
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
