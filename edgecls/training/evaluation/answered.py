"""Counts of a model's answers on the validation images, with which drift detection compares later answers."""

from collections import Counter
from typing import Any

import numpy as np

from edgecls.records import UNKNOWN
from edgecls.training.evaluation.predictions import Predictions


def count_answers(predictions: Predictions) -> dict[str, Any]:
    """Return the number `n` of images, the number of each of the `labels`, and of `scores` from 0, 0.1, ..., 0.9.

    `unknown` is one of the labels. The best score counts, also of `unknown`, as in the column `score`.
    """
    decided = (
        label if answered else UNKNOWN
        for label, answered in zip(predictions.answers, predictions.answered().tolist(), strict=True)
    )
    labels = dict(Counter(decided).most_common())
    tenths = np.minimum(9, (np.round(predictions.top, 6) * 10).astype(int))
    return {"n": len(predictions), "labels": labels, "scores": np.bincount(tenths, minlength=10).tolist()}
