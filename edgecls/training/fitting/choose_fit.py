"""Choose how wide pictures are made to fit, by heads on a few of the training images."""

import logging
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import Fit
from edgecls.training.backbones import Backbone
from edgecls.training.data.balance import balanced_subset
from edgecls.training.fitting.features import extract_features
from edgecls.training.fitting.training_data import BACKBONE, TrainingData

log = logging.getLogger(__name__)

TRIED = 600
"""Images, at most. Each is looked at once for each fit: 10 s in all with EfficientNet-Lite0 on 2 cores."""
FOLDS = 3
STRENGTH = 10.0
"""Of the heads: scikit-learn's C for features whose variances add up to 1."""
SURE = 1.64
"""Standard errors by which the loss must be lower than that of `crop` (of a normal distribution, 95 %)."""
LEAST_PROBABILITY = 1e-4
"""No single image may outweigh all others."""

Losses = NDArray[np.float64]


def measure_fits(task: TrainingData, specs: Mapping[Fit, Backbone]) -> Fit:
    """Return the fit of `specs` under which heads on the frozen backbone know training images best that they never saw.

    What was measured is logged. The same seed gives the same answer.
    """
    file = task.save(task.backbone.load(), BACKBONE)
    places = {id(sample): number for number, sample in enumerate(task.images)}
    tried = balanced_subset(task.images, TRIED, task.seed)
    classes = task.classes[[places[id(sample)] for sample in tried]]
    losses = {}
    for fit, spec in specs.items():
        features = extract_features(file, tried, spec.preprocessing, task.progress, "trying fits")
        losses[fit] = held_out_losses(features, classes)
    best = choose_fit(losses)
    log.info(
        "much of the pictures lies outside the central square: the cross-validated log loss of %d training images is %s: "
        "using --fit %s",
        len(tried),
        ", ".join(f"{loss.mean():.3f} with {fit}" for fit, loss in losses.items()),
        best,
    )
    return best


def choose_fit(losses: Mapping[Fit, Losses]) -> Fit:
    """Return the fit with the lowest mean loss, (n,) for the same n images each; `crop` where that may be chance."""
    best = min(losses, key=lambda fit: float(losses[fit].mean()))
    gains = losses["crop"] - losses[best]
    return best if gains.mean() > SURE * gains.std() / len(gains) ** 0.5 else "crop"


def held_out_losses(features: NDArray[np.float32], classes: NDArray[np.intp]) -> Losses:
    """Return -ln(probability of its class) of each image, (n,), by a linear head that has not learnt from it.

    `features` is (n, features), `classes` (n,). Logistic regression, with as many parts as `FOLDS`, each with its share
    of each class.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fold = np.empty(len(classes), int)
    fold[np.argsort(classes, kind="stable")] = np.arange(len(classes)) % FOLDS
    right = np.zeros(len(classes))
    for number in range(FOLDS):
        held_out, seen = fold == number, fold != number
        known = np.unique(classes[seen])
        if len(known) < 2 or not held_out.any():  # so few images say nothing
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # nearly the best head will do
            head = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH / features.shape[1], max_iter=200))
            head.fit(features[seen], classes[seen])
        probabilities = np.zeros((int(held_out.sum()), int(classes.max()) + 1))
        probabilities[:, known] = head.predict_proba(features[held_out])
        right[held_out] = probabilities[np.arange(len(probabilities)), classes[held_out]]
    return -np.log(np.maximum(right, LEAST_PROBABILITY))
