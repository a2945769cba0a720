"""The head: one dense layer with a softmax, trained on the features of a frozen backbone."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.training.fitting.optimizers import make_optimizer
from edgecls.training.settings import Epoch, Training

EPOCHS, OPTIMIZER, LEARNING_RATE = 60, "adam", 3e-3
Features = NDArray[np.float32]
Classes = NDArray[np.intp]


def in_full(training: Training) -> Training:
    """With what a head is trained with where nothing else was set."""
    return replace(
        training,
        epochs=training.epochs or EPOCHS,
        optimizer=training.optimizer or OPTIMIZER,
        learning_rate=training.learning_rate or LEARNING_RATE,
        label_smoothing=training.label_smoothing or 0.0,
    )


def train_head(
    train: tuple[Features, Classes],
    validation: tuple[Features, Classes],
    weights: NDArray[np.float32],
    training: Training,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[keras.Model, list[Epoch]]:
    """(features (batch, n) -> probabilities (batch, classes), what each epoch gave). `advance`: after each epoch.

    `weights` float32 (classes,) are those of a training image of each class.
    """
    keras.utils.set_random_seed(seed)
    features = keras.Input((train[0].shape[1],), name="features")
    dropped = keras.layers.Dropout(training.dropout, name="dropout")(features)
    probabilities = keras.layers.Dense(len(weights), activation="softmax", name="probabilities")(dropped)
    head = keras.Model(features, probabilities, name="head")
    epochs = training.epochs or EPOCHS
    steps = epochs * -(-len(train[0]) // training.batch_size)
    head.compile(
        make_optimizer(
            training.optimizer or OPTIMIZER, training.learning_rate or LEARNING_RATE, training.weight_decay, steps
        ),
        keras.losses.CategoricalCrossentropy(label_smoothing=training.label_smoothing or 0.0),
        metrics=["accuracy"],
    )
    one_hot = np.eye(len(weights), dtype=np.float32)
    fitted = head.fit(
        train[0],
        one_hot[train[1]],
        sample_weight=weights[train[1]],
        validation_data=(validation[0], one_hot[validation[1]], weights[validation[1]]),
        epochs=epochs,
        batch_size=training.batch_size,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=training.patience, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: advance()),
        ],
        verbose=0,
    )
    told = fitted.history
    rows = zip(told["loss"], told["val_loss"], told["val_accuracy"], strict=True)
    return head, [Epoch("head", number, *map(float, row)) for number, row in enumerate(rows, 1)]


def new_head(backbone: keras.Model, classes: int, training: Training, seed: int) -> keras.Model:
    """Normalised pixels -> probabilities, by a head that has learnt nothing yet."""
    keras.utils.set_random_seed(seed)
    x = keras.layers.Dropout(training.dropout, name="dropout")(backbone.outputs[0])
    x = keras.layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(backbone.inputs[0], x, name=f"{backbone.name}-classifier")


def attach(backbone: keras.Model, head: keras.Model, training: Training) -> keras.Model:
    """Normalised pixels -> probabilities. All layers stand side by side, so that the network can be cut anywhere."""
    trained = head.get_layer("probabilities").get_weights()
    network = new_head(backbone, trained[1].shape[0], training, 0)
    network.get_layer("probabilities").set_weights(trained)
    return network


def scale_logits(network: keras.Model, temperature: float) -> None:
    """Bake softmax(logits / temperature) into the last layer, in place."""
    last = network.get_layer("probabilities")
    last.set_weights([array / np.float32(temperature) for array in last.get_weights()])
