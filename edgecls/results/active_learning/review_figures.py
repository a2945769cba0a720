"""Accuracy figures of models, from the reviews of their frames."""

import math
from collections import Counter
from typing import Any

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.harvest import RANDOM

Z = 1.959964
"""The 97.5 % quantile of the normal distribution, for 95 % intervals."""

Confusion = Counter[tuple[str, str]]
"""(predicted label, reviewed label) -> frames."""


def review_figures(db: Database) -> list[dict[str, Any]]:
    """Return the figures of each model that has reviewed frames, the latest model first.

    Keys of the dicts:
        model, sha256: The model.
        frames: The number of reviewed frames. Reviews with the label UNKNOWN are ignored.
        answered: The share of frames with a prediction other than UNKNOWN. This share and the others are as
            `share_with_interval` returns them.
        accuracy: The share of frames with the right prediction.
        precision: The share of right predictions among the answered frames.
        labels: For each label {"label", "frames", "predicted", "precision", "recall"}; `frames` is the number of frames
            reviewed as this label, `predicted` the number predicted as this label. An UNKNOWN prediction lowers the
            recall of the label, but no precision.
        random: {"frames", "answered", "accuracy", "precision"} of the random sample; None without one.

    Only `random` estimates without bias how the model does on the frames that the sample was drawn from: the other
    figures include frames that were selected for being difficult.
    """
    confusions: dict[tuple[str, str], tuple[Confusion, Confusion]] = {}
    with translate_errors(database_path(db)):
        for name, sha256, predicted, label, reason, frames in db.execute(_COUNTS, (UNKNOWN,)):
            everything, random = confusions.setdefault((name, sha256), (Counter(), Counter()))
            everything[predicted, label] += frames
            if reason == RANDOM:
                random[predicted, label] += frames
    return [
        {
            "model": name,
            "sha256": sha256,
            **_overall_figures(everything),
            "random": _overall_figures(random) if random else None,
            "labels": _label_figures(everything),
        }
        for (name, sha256), (everything, random) in confusions.items()
    ]


_COUNTS = """
    SELECT name, sha256, predicted, label, reason, count(*)
    FROM reviews JOIN models ON models.id = model_id WHERE label <> ?
    GROUP BY models.id, 3, 4, 5 ORDER BY models.id DESC
"""


def share_with_interval(hits: int, total: int) -> dict[str, Any] | None:
    """Return {"share", "low", "high", "of"}: a share, 0 to 1, its 95 % interval and `total`; None if that is 0.

    The interval is that of E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927),
    which is also valid for few frames and for shares near 0 and 1.
    """
    if not total:
        return None
    share = hits / total
    spread = Z / (1 + Z**2 / total) * math.sqrt(share * (1 - share) / total + (Z / (2 * total)) ** 2)
    middle = (share + Z**2 / (2 * total)) / (1 + Z**2 / total)
    low, high = max(0.0, middle - spread), min(1.0, middle + spread)
    return {"share": round(share, 6), "low": round(low, 6), "high": round(high, 6), "of": total}


def _overall_figures(confusion: Confusion) -> dict[str, Any]:
    frames = sum(confusion.values())
    answered = sum(count for (predicted, _), count in confusion.items() if predicted != UNKNOWN)
    right = sum(count for (predicted, label), count in confusion.items() if predicted == label)
    return {
        "frames": frames,
        "answered": share_with_interval(answered, frames),
        "accuracy": share_with_interval(right, frames),
        "precision": share_with_interval(right, answered),
    }


def _label_figures(confusion: Confusion) -> list[dict[str, Any]]:
    reviewed_counts, predicted_counts = Counter[str](), Counter[str]()
    for (predicted, label), frames in confusion.items():
        reviewed_counts[label] += frames
        predicted_counts[predicted] += frames
    labels = sorted({*reviewed_counts, *predicted_counts} - {UNKNOWN})
    return [
        {
            "label": label,
            "frames": reviewed_counts[label],
            "predicted": predicted_counts[label],
            "precision": share_with_interval(confusion[label, label], predicted_counts[label]),
            "recall": share_with_interval(confusion[label, label], reviewed_counts[label]),
        }
        for label in labels
    ]
