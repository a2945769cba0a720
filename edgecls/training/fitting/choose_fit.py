"""Choose how wide images are made to fit the network, by heads trained on some of the training images."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecls.images.framing import Fit
from edgecls.progress import Progress
from edgecls.training.backbones import Backbone
from edgecls.training.data.balance import balanced_subset
from edgecls.training.data.dataset import Dataset
from edgecls.training.data.pixel_cache import cache_pixels
from edgecls.training.features import extract_features
from edgecls.training.fitting.training_data import classes_of

log = logging.getLogger(__name__)

MAX_IMAGES = 600
"""Each is classified once per fit: 10 s in all with EfficientNet-Lite0 on 2 cores."""
FOLDS = 3
STRENGTH = 10.0
"""scikit-learn's C of the heads, for features whose variances add up to 1."""
Z = 1.64
"""Standard errors by which the loss must be lower than that of `crop` (95 % of a normal distribution)."""
MIN_PROBABILITY = 1e-4
"""The lower bound of a probability, so that no single image outweighs all others."""

Losses = NDArray[np.float64]


def measure_fits(
    backbone_file: Path, backbones: Mapping[Fit, Backbone], dataset: Dataset, seed: int, progress: Progress
) -> Fit:
    """Return the fit with which heads on the frozen backbone best classify training images that they have not seen.

    Each fit needs other pixels, so up to `MAX_IMAGES` images are decoded once per fit, from the full image. The measured
    losses are logged. The same seed gives the same answer.
    """
    samples = balanced_subset(dataset.of("train"), MAX_IMAGES, seed)
    caches = {
        fit: cache_pixels(
            backbone_file.with_name(f"{fit}.pixels"),
            samples,
            backbone.preprocessing,
            dataset.losses,
            progress,
            "comparing fits",
        )
        for fit, backbone in backbones.items()
    }
    readable = set.intersection(*(set(cache.samples) for cache in caches.values()))
    losses = {}
    for fit, cache in caches.items():
        numbers = [number for number, sample in enumerate(cache.samples) if sample in readable]
        features = extract_features(backbone_file, cache, progress, "comparing fits", numbers)
        classes = classes_of([cache.samples[number] for number in numbers], dataset.labels)
        losses[fit] = cross_validated_losses(features, classes)
    best = choose_fit(losses)
    log.info(
        "large parts of the images lie outside the central square. Cross-validated log loss on %d training images: %s. "
        "Using --fit %s",
        len(readable),
        ", ".join(f"{loss.mean():.3f} with {fit}" for fit, loss in losses.items()),
        best,
    )
    return best


def choose_fit(losses: Mapping[Fit, Losses]) -> Fit:
    """Return the fit with the lowest mean loss, or `crop` where the difference is not significant.

    `losses` holds the loss of each of the same n images per fit, (n,).
    """
    best = min(losses, key=lambda fit: float(losses[fit].mean()))
    gains = losses["crop"] - losses[best]
    return best if gains.mean() > Z * gains.std() / len(gains) ** 0.5 else "crop"


def cross_validated_losses(features: NDArray[np.float32], classes: NDArray[np.intp]) -> Losses:
    """Return -ln(probability of the true class) of each image, (n,), by a linear head that was not trained on it.

    `features` is (n, features), `classes` (n,). The heads are logistic regressions, with stratified folds.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fold = np.empty(len(classes), int)
    fold[np.argsort(classes, kind="stable")] = np.arange(len(classes)) % FOLDS
    true_class = np.zeros(len(classes))
    for number in range(FOLDS):
        unseen, seen = fold == number, fold != number
        known = np.unique(classes[seen])
        if len(known) < 2 or not unseen.any():  # too few images to train on
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a nearly optimal head suffices
            head = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH / features.shape[1], max_iter=200))
            head.fit(features[seen], classes[seen])
        probabilities = np.zeros((int(unseen.sum()), int(classes.max()) + 1))
        probabilities[:, known] = head.predict_proba(features[unseen])
        true_class[unseen] = probabilities[np.arange(len(probabilities)), classes[unseen]]
    return -np.log(np.maximum(true_class, MIN_PROBABILITY))
