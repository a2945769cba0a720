"""The head: one dense layer with a softmax, trained on the features of a frozen backbone."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.training.fitting.optimizers import make_optimizer
from edgecls.training.settings import Epoch, PhaseSettings

Features = NDArray[np.float32]
Classes = NDArray[np.intp]


def train_head(
    train: tuple[Features, Classes],
    validation: tuple[Features, Classes],
    class_weights: NDArray[np.float32],
    settings: PhaseSettings,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[keras.Model, list[Epoch]]:
    """Train a head; return it, features (batch, n) -> probabilities (batch, classes), and one entry per epoch.

    `class_weights` is float32 (classes,); `advance` is called after each epoch.
    """
    keras.utils.set_random_seed(seed)
    features = keras.Input((train[0].shape[1],), name="features")
    dropped = keras.layers.Dropout(settings.dropout, name="dropout")(features)
    probabilities = keras.layers.Dense(len(class_weights), activation="softmax", name="probabilities")(dropped)
    head = keras.Model(features, probabilities, name="head")
    steps = settings.epochs * -(-len(train[0]) // settings.batch_size)
    head.compile(
        make_optimizer(settings.optimizer, settings.learning_rate, settings.weight_decay, steps),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )
    one_hot = np.eye(len(class_weights), dtype=np.float32)
    history = head.fit(
        train[0],
        one_hot[train[1]],
        sample_weight=class_weights[train[1]],
        validation_data=(validation[0], one_hot[validation[1]], class_weights[validation[1]]),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=settings.patience, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: advance()),
        ],
        verbose=0,
    ).history
    rows = zip(history["loss"], history["val_loss"], history["val_accuracy"], strict=True)
    return head, [Epoch("head", number, *map(float, row)) for number, row in enumerate(rows, 1)]


def new_head(backbone: keras.Model, classes: int, dropout: float, seed: int) -> keras.Model:
    """Return `backbone` with an untrained head: normalised pixels -> probabilities."""
    keras.utils.set_random_seed(seed)
    x = keras.layers.Dropout(dropout, name="dropout")(backbone.outputs[0])
    x = keras.layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(backbone.inputs[0], x, name=f"{backbone.name}-classifier")


def attach(backbone: keras.Model, head: keras.Model, dropout: float) -> keras.Model:
    """Return `backbone` with a trained head, as one flat graph that can be cut at any layer."""
    trained = head.get_layer("probabilities").get_weights()
    network = new_head(backbone, trained[1].shape[0], dropout, 0)
    network.get_layer("probabilities").set_weights(trained)
    return network


def scale_logits(network: keras.Model, temperature: float) -> None:
    """Divide the logits of `network` by `temperature`, in place, by scaling its last layer."""
    last = network.get_layer("probabilities")
    last.set_weights([array / np.float32(temperature) for array in last.get_weights()])
