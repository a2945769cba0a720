"""How often models were right, by what people have said of their frames."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from edgecls.database.connection import database_path
from edgecls.database.sqlite_errors import translate_errors
from edgecls.records import UNKNOWN
from edgecls.results.active_learning.harvest import RANDOM
from edgecls.results.active_learning.reviews import has_reviews

Z = 1.959964
"""The quantile of the normal distribution that leaves 2.5 % above it: intervals are of 95 %."""

Counts = Mapping[tuple[str, str], int]
"""(predicted, said) -> frames"""


def review_figures(db: Database) -> list[dict[str, Any]]:
    """A dict for each model that has been reviewed, the last one first.

    `model` is its name, with `sha256`; `frames` how many of its frames have a label. Three are shares, see `share`:
    `answered`, of all frames those with a prediction that is not UNKNOWN; `accuracy`, of all frames those with the right
    one; `precision`, the right ones of those answered. `labels`: for each {"label", "frames", "predicted", "precision",
    "recall"}, where `frames` are this label, and `predicted` are what the model called so. UNKNOWN is never right: it
    is a miss of the label's recall, and no matter of its precision. Reviews that say UNKNOWN do not count.

    All that is of what was chosen for being hard, but for `random`: {"frames", "answered", "accuracy", "precision"} of
    the frames that chance drew, None where there are none. It estimates without bias how the model does on frames like
    those that were drawn from.
    """
    if not has_reviews(db):
        return []
    models: dict[tuple[str, str], tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]] = {}
    with translate_errors(database_path(db)):
        for name, sha256, predicted, said, why, frames in db.execute(_COUNTS, (UNKNOWN,)):
            everything, random = models.setdefault((name, sha256), (Counter(), Counter()))
            everything[predicted, said] += frames
            if why == RANDOM:
                random[predicted, said] += frames
    return [
        {
            "model": name,
            "sha256": sha256,
            **_of_all(everything),
            "random": _of_all(random) if random else None,
            "labels": _of_labels(everything),
        }
        for (name, sha256), (everything, random) in models.items()
    ]


_COUNTS = """
    SELECT name, sha256, predicted, label, reason, count(*)
    FROM reviews JOIN models ON models.id = model_id WHERE label <> ?
    GROUP BY models.id, 3, 4, 5 ORDER BY models.id DESC
"""


def share(hits: int, of: int) -> dict[str, Any] | None:
    """{"share", "low", "high", "of"}: 0 to 1, with the 95 % interval; None of no frames.

    The interval is that of E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927),
    which holds for few frames and for shares near 0 and 1 too.
    """
    if not of:
        return None
    p = hits / of
    spread = Z / (1 + Z**2 / of) * math.sqrt(p * (1 - p) / of + (Z / (2 * of)) ** 2)
    middle = (p + Z**2 / (2 * of)) / (1 + Z**2 / of)
    low, high = max(0.0, middle - spread), min(1.0, middle + spread)
    return {"share": round(p, 6), "low": round(low, 6), "high": round(high, 6), "of": of}


def _of_all(counts: Counts) -> dict[str, Any]:
    frames = sum(counts.values())
    answered = sum(n for (predicted, _), n in counts.items() if predicted != UNKNOWN)
    right = sum(n for (predicted, said), n in counts.items() if predicted == said)
    return {
        "frames": frames,
        "answered": share(answered, frames),
        "accuracy": share(right, frames),
        "precision": share(right, answered),
    }


def _of_labels(counts: Counts) -> list[dict[str, Any]]:
    are, called = Counter[str](), Counter[str]()
    for (predicted, said), frames in counts.items():
        are[said] += frames
        called[predicted] += frames
    labels = sorted({*are, *called} - {UNKNOWN})
    return [
        {
            "label": label,
            "frames": are[label],
            "predicted": called[label],
            "precision": share(counts[label, label], called[label]),
            "recall": share(counts[label, label], are[label]),
        }
        for label in labels
    ]
