"""What a model answers to images, counted as the results database counts it: what later answers are compared with."""

from collections import Counter
from typing import Any

import numpy as np

from edgecls.records import UNKNOWN
from edgecls.training.evaluation.predictions import Predictions


def count_answers(predictions: Predictions) -> dict[str, Any]:
    """`n` images; how many got each of the `labels`, `unknown` among them; and `scores` from 0, 0.1, ..., 0.9 on.

    The best score counts, that of an `unknown` too, as in the column `score`.
    """
    decided = (
        label if answered else UNKNOWN
        for label, answered in zip(predictions.answers, predictions.answered().tolist(), strict=True)
    )
    labels = dict(Counter(decided).most_common())
    tenths = np.minimum(9, (np.round(predictions.top, 6) * 10).astype(int))
    return {"n": len(predictions), "labels": labels, "scores": np.bincount(tenths, minlength=10).tolist()}
