"""Fine-tuning: the upper part of the network is trained on what the lower part, frozen, makes of the images."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.training.evaluation.temperature import fit_temperature, nll
from edgecls.training.fitting.augmented_inputs import Views
from edgecls.training.fitting.optimizers import make_optimizer
from edgecls.training.fitting.timing import shortest
from edgecls.training.settings import Epoch, Training

OPTIMIZER, LEARNING_RATE = "adamw", 3e-4
LABEL_SMOOTHING = 0.1
"""Of Szegedy et al., "Rethinking the Inception Architecture" (2016): a network that is pulled from all its targets by a
little learns less of the labels that are wrong. The temperature makes its scores probabilities again."""
SMALLEST = 1e-7
"""Of a probability whose logarithm is taken."""


@dataclass(frozen=True)
class Examples:
    """What is trained on: views of images, the class of each, int (n,), and a weight for each class, (classes,)."""

    views: Views
    classes: NDArray[np.intp]
    weights: NDArray[np.float32]


def freeze_norms(network: keras.Model) -> None:
    """Keep BatchNorm's means and variances as they were learnt: those of a few small batches ruin a network."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def in_full(training: Training) -> Training:
    """With what the backbone is trained with where nothing else was set."""
    return replace(
        training,
        optimizer=training.optimizer or OPTIMIZER,
        learning_rate=training.learning_rate or LEARNING_RATE,
        label_smoothing=LABEL_SMOOTHING if training.label_smoothing is None else training.label_smoothing,
    )


def compile_for(upper: keras.Model, training: Training, images: int, epochs: int) -> None:
    """Ready `upper` for `epochs` over `images`. No XLA: on a CPU it makes depthwise convolutions several times slower."""
    steps = epochs * max(1, images // training.batch_size)
    smoothing = LABEL_SMOOTHING if training.label_smoothing is None else training.label_smoothing
    upper.compile(
        make_optimizer(
            training.optimizer or OPTIMIZER, training.learning_rate or LEARNING_RATE, training.weight_decay, steps
        ),
        keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
        jit_compile=False,
    )


def seconds_per_image(upper: keras.Model, examples: Examples, training: Training) -> float:
    """Of a training step, when nothing else disturbs it: the shortest of a few. The weights are as before."""
    before = upper.get_weights()
    batch = np.arange(len(examples.classes))[: training.batch_size]
    compile_for(upper, training, len(batch), 100)
    _step(upper, examples, 0, batch)  # compiles
    seconds = shortest(lambda: _step(upper, examples, 0, batch))
    upper.set_weights(before)
    return seconds / len(batch)


def train_epoch(
    upper: keras.Model,
    examples: Examples,
    training: Training,
    order: tuple[int, int],
    advance: Callable[[], None],
) -> float:
    """One pass over the images in an order that follows from `order` (seed, epoch); return the mean loss.

    The images left over by whole batches wait for the next epoch.
    """
    seed, epoch = order
    keras.utils.set_random_seed((seed * 1000 + epoch) % 2**32)
    upper.reset_metrics()
    shuffled = np.random.default_rng(order).permutation(len(examples.classes))
    size = min(training.batch_size, len(shuffled))
    loss = 0.0
    for start in range(0, len(shuffled) - size + 1, size):
        loss = _step(upper, examples, epoch, shuffled[start : start + size])
        advance()
    return loss


def _step(upper: keras.Model, examples: Examples, epoch: int, images: NDArray[np.intp]) -> float:
    classes = examples.classes[images]
    targets = np.eye(len(examples.weights), dtype=np.float32)[classes]
    views = examples.views.batch(epoch, images)
    return float(np.mean(upper.train_on_batch(views, targets, sample_weight=examples.weights[classes])))


def predict_probabilities(
    upper: keras.Model, inputs: Callable[[NDArray[np.intp]], NDArray[np.float32]], n: int
) -> NDArray[np.float32]:
    """Probabilities (n, classes) of all images; `inputs` gives what the network takes of those with given numbers."""
    numbers = np.array_split(np.arange(n), max(1, n // 32))
    return np.concatenate([np.asarray(upper.predict_on_batch(inputs(some))) for some in numbers])


def evaluate_epoch(
    phase: str, number: int, loss: float, probabilities: NDArray[np.float32], truth: NDArray[np.intp]
) -> Epoch:
    """What an epoch gave. The validation loss is that at the best temperature, which is fitted afterwards anyway.

    Networks grow surer of themselves than they should long after they have stopped to grow better.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST))
    calibrated = nll(logits, truth, fit_temperature(logits, truth))
    accuracy = float((probabilities.argmax(axis=1) == truth).mean())
    return Epoch(phase, number, loss, float(calibrated), accuracy)
