"""Turn the outputs of another tool's network into a probability for each label."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgecls.errors import BadModel
from edgecls.inference.runtimes.input_pixels import RANGES

if TYPE_CHECKING:
    from edgecls.inference.runtimes.interpreter import Runtime

Scores = NDArray[np.float32]
ScoreFunction = Callable[[Scores], Scores]

_PROBABILITIES = {"SOFTMAX", "LOGISTIC"}
_HARDLY, _CLEARLY = 0.1, 3
"""Change of a score between four pictures, and how many times as much it is in the right range. Small networks that were
trained on 0..255 change by 0.02 to 0.05 at -1..1, those trained on -1..1 by 0.3 to 0.6: 127 times too dark is black."""
_NEAR_ONE = 0.02  # what rounding to 8 bits does to a sum of few scores; of many, it is the operator that tells


def score_function(runtime: "Runtime") -> tuple[ScoreFunction, list[str]]:
    """Return (a function from outputs to probabilities, warnings for the user about what had to be guessed).

    The outputs are probabilities if a softmax or a sigmoid computes them, or if they are not negative and add up to 1
    for four test pictures. Otherwise they are logits and get a softmax. A single output p, a logit or a probability, is
    that of the second of two labels: the scores are 1 - p and p.

    If nothing says in which range a float input takes pixels, it gets -1..1, as most MobileNets expect; but 0..255 if
    pictures as different as black and white hardly change the answer in -1..1, and do change it in 0..255.

    Raises BadModel if none of the four pictures has finite outputs.
    """
    if not any(np.isfinite(outputs).all() for outputs in _answers(runtime)):
        raise BadModel("gives no finite numbers, for any picture: convert it again")
    function = _of_outputs(runtime)
    warnings = [] if function is not softmax else ["gives no probabilities: a softmax is applied to its outputs"]
    if not runtime.has_known_range:
        taken, function = _chosen_range(runtime)
        warnings.append(
            f"does not say in which range its float input takes pixels: assuming {taken}; if the labels are wrong, set "
            f"it with --input-range {' or '.join(name for name in RANGES if name != taken)}"
        )
    return function, warnings


def _of_outputs(runtime: "Runtime") -> ScoreFunction:
    outputs = _answers(runtime)
    is_probability = runtime.last_operator in _PROBABILITIES
    if runtime.outputs == 1:
        is_probability = is_probability or all(0 <= float(one[0]) <= 1 for one in outputs)
        return _pair if is_probability else _pair_of_logit
    return _as_it_is if is_probability or all(map(_is_distribution, outputs)) else softmax


def _chosen_range(runtime: "Runtime") -> tuple[str, ScoreFunction]:
    """Choose (a name in `RANGES`, a function from outputs to probabilities) and use that range from now on."""
    changes, functions = {}, {}
    for name in ("0..255", "-1..1"):
        runtime.normalize(RANGES[name])
        functions[name] = _of_outputs(runtime)
        scores = np.stack([functions[name](outputs) for outputs in _answers(runtime)])
        changes[name] = float(np.ptp(scores, axis=0).max())
    if changes["-1..1"] < _HARDLY and changes["0..255"] > _CLEARLY * changes["-1..1"]:
        runtime.normalize(RANGES["0..255"])
        return "0..255", functions["0..255"]
    return "-1..1", functions["-1..1"]


def _answers(runtime: "Runtime") -> list[Scores]:
    return [runtime.scores(runtime.invoke(pixels)) for pixels in _probes(runtime)]


def _probes(runtime: "Runtime") -> list[NDArray[np.uint8]]:
    """Return four test pictures: black, white, noise and a ramp, uint8 (height, width, channels)."""
    width, height = runtime.input_size
    shape = (height, width, runtime.channels)
    ramp = np.linspace(0, 255, height * width * runtime.channels).reshape(shape)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return [np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise, ramp.astype(np.uint8)]


def _is_distribution(outputs: Scores) -> bool:
    return bool((outputs >= 0).all() and abs(float(outputs.sum()) - 1) <= _NEAR_ONE) and outputs.size > 1


def _as_it_is(outputs: Scores) -> Scores:
    return outputs


def _pair_of_logit(logit: Scores) -> Scores:
    return _pair(sigmoid(logit))


def _pair(probability: Scores) -> Scores:
    return np.concatenate([1 - probability, probability]).astype(np.float32)


def sigmoid(logits: Scores) -> Scores:
    """Return 1 / (1 + exp(-logit)), in the same shape, without overflow."""
    probabilities: Scores = np.exp(-np.logaddexp(0, -logits.astype(np.float64))).astype(np.float32)
    return probabilities


def softmax(logits: Scores) -> Scores:
    """Return exp(logit) / sum of all exp(logit), in the same shape (classes,)."""
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    probabilities: Scores = (powers / powers.sum()).astype(np.float32)
    return probabilities
