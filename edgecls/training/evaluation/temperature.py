"""Temperature scaling: one number, fitted on the validation images, by which the logits are divided."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from edgecls.training.evaluation.curves import reliability_bins

BOUNDS = (0.05, 20.0)
"""Limits of the temperature. Networks usually need 0.5 to 5; one that needs more is wrong as often as right."""

SMALLEST = 1e-7
"""The lower bound of a probability whose logarithm is taken."""

DOUBT = 0.1
"""Number of additional wrong images that the fit assumes. Measurements: docs/how-to/evaluate.md."""


def nll(logits: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]], temperature: float = 1.0) -> float:
    """Return the mean negative log likelihood of the true classes under softmax(logits / temperature), in nats.

    `logits` (n, classes); `truth` int (n,), each an index of a class; n is 1 or more.
    """
    return float(-_log_probabilities(logits, temperature)[np.arange(len(truth)), truth].mean())


def ece(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """Return the expected calibration error, 0 to 1, in 15 bins of equal width (Guo et al. 2017).

    `probabilities` (n, classes), n 1 or more; `truth` int (n,), where -1 means a class that is none of these.
    """
    return reliability_bins(probabilities.max(axis=1), np.equal(probabilities.argmax(axis=1), truth)).error


def fit_temperature(logits: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """Return the T, 0.05 to 20, that minimises the negative log likelihood of softmax(logits / T) (Guo et al. 2017).

    `logits` (n, classes), finite; `truth` int (n,), rows of -1 are left out. The best class of no image changes.

    Where every image is right that likelihood only grows as T falls to 0, which would make all scores 1; and with few
    images, one mistake more or less decides. So it counts as if a tenth of an image more had been seen, and been wrong, the
    blame shared by the other classes: smoothed targets, as Platt (1999) has them for two classes. 1.0 where there is
    nothing to fit: no image, one class, or logits that are all alike. Raises ValueError for logits that are not finite.
    """
    known = np.asarray(truth) >= 0
    logits, truth = np.asarray(logits, np.float64)[known], np.asarray(truth)[known]
    if not np.isfinite(logits).all():
        raise ValueError("a logit is not finite: the network has diverged")
    if not logits.size or logits.shape[1] == 1 or not np.ptp(logits, axis=1).any():
        return 1.0
    targets = _smoothed(truth, logits.shape[1])

    def loss(log_temperature: float) -> float:
        return float(-(targets * _log_probabilities(logits, np.exp(log_temperature))).sum(axis=1).mean())

    # Convex in 1 / T (a sum of log-sum-exp and linear terms), so there is one minimum in log T.
    low, high = np.log(BOUNDS)
    minimum = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(minimum.x))


def at_bound(temperature: float) -> bool:
    """Return whether the temperature is one of the limits of the fit."""
    return any(abs(np.log(temperature / bound)) < 1e-3 for bound in BOUNDS)


def unscale(probabilities: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float32]:
    """Convert softmax(logits / temperature) (n, classes) to softmax(logits), float32 of the same shape."""
    logits = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) * temperature
    values: NDArray[np.float32] = softmax(logits, axis=1).astype(np.float32)
    return values


def _log_probabilities(logits: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    values: NDArray[np.float64] = log_softmax(np.asarray(logits, np.float64) / temperature, axis=1)
    return values


def _smoothed(truth: NDArray[np.integer[Any]], classes: int) -> NDArray[np.float64]:
    """Return the smoothed targets, float64 (n, classes)."""
    doubt = DOUBT / (len(truth) + DOUBT)
    targets = np.full((len(truth), classes), doubt / (classes - 1))
    targets[np.arange(len(truth)), truth] = 1 - doubt
    return targets


@dataclass(frozen=True, slots=True)
class Scaling:
    """A temperature, and the calibration error on the validation images before and after scaling."""

    temperature: float
    validation_ece: tuple[float, float]


def find_scaling(probabilities: NDArray[np.float32], truth: NDArray[np.intp]) -> Scaling:
    """Fit the temperature to the probabilities (n, classes) and true classes (n,) of the validation images."""
    logits = np.log(np.maximum(probabilities, SMALLEST))
    temperature = fit_temperature(logits, truth)
    return Scaling(temperature, (ece(probabilities, truth), ece(softmax(logits / temperature, axis=1), truth)))
