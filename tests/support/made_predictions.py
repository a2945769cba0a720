"""Predictions without a model."""

from pathlib import Path

import numpy as np

from edgecls.training.data.sample import Sample
from edgecls.training.evaluation.predictions import Predictions


def samples(truth, groups=None):
    groups = groups or [None] * len(truth)
    return tuple(Sample(Path(f"{n:05}.png"), t, "test", g) for n, (t, g) in enumerate(zip(truth, groups, strict=True)))


def of_answers(truth, answers, score=1.0, labels=None, groups=None):
    """Return predictions of `answers` for images of `truth`, with `score` for the best label and the rest shared."""
    labels = tuple(labels or sorted(set(answers)))
    best = np.broadcast_to(np.asarray(score, np.float32), len(answers))
    scores = np.repeat((1 - best[:, np.newaxis]) / max(len(labels) - 1, 1), len(labels), axis=1).astype(np.float32)
    scores[np.arange(len(answers)), [labels.index(answer) for answer in answers]] = best
    return of_scores(truth, scores, labels, groups)


def of_scores(truth, scores, labels, groups=None, thresholds=None):
    places = [labels.index(label) if label in labels else -1 for label in truth]
    return Predictions(
        samples(truth, groups),
        tuple(labels),
        np.asarray(scores, np.float32),
        np.array(places, np.intp),
        thresholds or {},
    )
