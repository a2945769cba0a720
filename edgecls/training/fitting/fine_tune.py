"""Train the upper part of a network on the outputs of its frozen lower part."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.training.evaluation.temperature import SMALLEST, fit_temperature, nll
from edgecls.training.fitting.augmented_inputs import AugmentedInputs
from edgecls.training.fitting.optimizers import make_optimizer
from edgecls.training.fitting.timing import shortest
from edgecls.training.settings import Epoch, PhaseSettings


@dataclass(frozen=True)
class Examples:
    """Training inputs, the class of each image, int (n,), and the weight of each class, float32 (classes,)."""

    inputs: AugmentedInputs
    classes: NDArray[np.intp]
    class_weights: NDArray[np.float32]


def freeze_norms(network: keras.Model) -> None:
    """Keep the means and variances of BatchNorm: statistics of a few small batches ruin a network."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def compile_for_training(upper: keras.Model, settings: PhaseSettings, images: int, epochs: int) -> None:
    """Compile `upper` for `epochs` over `images`, without XLA: on a CPU it slows depthwise convolutions several times."""
    steps = epochs * max(1, images // settings.batch_size)
    upper.compile(
        make_optimizer(settings.optimizer, settings.learning_rate, settings.weight_decay, steps),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        jit_compile=False,
    )


def seconds_per_image(upper: keras.Model, examples: Examples, settings: PhaseSettings) -> float:
    """Measure a training step: seconds per image, the shortest of a few runs. The weights are restored."""
    weights = upper.get_weights()
    batch = np.arange(len(examples.classes))[: settings.batch_size]
    compile_for_training(upper, settings, len(batch), 100)
    _train_step(upper, examples, 0, batch)  # the first step traces the graph
    seconds = shortest(lambda: _train_step(upper, examples, 0, batch))
    upper.set_weights(weights)
    return seconds / len(batch)


def train_epoch(
    upper: keras.Model,
    examples: Examples,
    settings: PhaseSettings,
    order: tuple[int, int],
    advance: Callable[[], None],
) -> float:
    """Train on all images once, in an order that follows from `order` (seed, epoch); return the mean loss.

    Images that do not fill a batch are left to the next epoch.
    """
    seed, epoch = order
    keras.utils.set_random_seed((seed * 1000 + epoch) % 2**32)
    upper.reset_metrics()
    shuffled = np.random.default_rng(order).permutation(len(examples.classes))
    size = min(settings.batch_size, len(shuffled))
    loss = 0.0
    for start in range(0, len(shuffled) - size + 1, size):
        loss = _train_step(upper, examples, epoch, shuffled[start : start + size])
        advance()
    return loss


def _train_step(upper: keras.Model, examples: Examples, epoch: int, numbers: NDArray[np.intp]) -> float:
    classes = examples.classes[numbers]
    targets = np.eye(len(examples.class_weights), dtype=np.float32)[classes]
    inputs = examples.inputs.batch(epoch, numbers)
    return float(np.mean(upper.train_on_batch(inputs, targets, sample_weight=examples.class_weights[classes])))


def predict_probabilities(
    upper: keras.Model, inputs: Callable[[NDArray[np.intp]], NDArray[np.float32]], n: int
) -> NDArray[np.float32]:
    """Return the probabilities of n images, (n, classes); `inputs` returns what `upper` takes of images by number."""
    batches = np.array_split(np.arange(n), max(1, n // 32))
    return np.concatenate([np.asarray(upper.predict_on_batch(inputs(numbers))) for numbers in batches])


def evaluate_epoch(
    phase: str, number: int, loss: float, probabilities: NDArray[np.float32], classes: NDArray[np.intp]
) -> Epoch:
    """Return the figures of an epoch. The validation loss is the one at the best temperature, which is fitted later anyway.

    Without a temperature the loss would rise as networks become overconfident, long before their accuracy falls.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST))
    calibrated = nll(logits, classes, fit_temperature(logits, classes))
    accuracy = float((probabilities.argmax(axis=1) == classes).mean())
    return Epoch(phase, number, loss, float(calibrated), accuracy)
