"""The part that is trained: one dense layer with a softmax, on the features of a frozen backbone."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

from edgecls.convert.settings import Training

Features = NDArray[np.float32]
Classes = NDArray[np.int64]


def train_head(
    train: tuple[Features, Classes],
    validation: tuple[Features, Classes],
    classes: int,
    training: Training,
    seed: int,
    advance: Callable[[], None],
) -> keras.Model:
    """Features (batch, n) -> probabilities (batch, classes), trained. `advance` is called after each epoch."""
    keras.utils.set_random_seed(seed)
    features = keras.Input((train[0].shape[1],), name="features")
    dropped = keras.layers.Dropout(training.dropout, name="dropout")(features)
    probabilities = keras.layers.Dense(classes, activation="softmax", name="probabilities")(dropped)
    head = keras.Model(features, probabilities, name="head")
    head.compile(
        optimizer=_optimizer(training),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    head.fit(
        *train,
        validation_data=validation,
        epochs=training.epochs,
        batch_size=training.batch_size,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=training.patience, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: advance()),
        ],
        verbose=0,
    )
    return head


def _optimizer(training: Training) -> keras.optimizers.Optimizer:
    optimizer: keras.optimizers.Optimizer = keras.optimizers.get(training.optimizer)
    optimizer.learning_rate = training.learning_rate
    return optimizer


def attach(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Normalised pixels -> probabilities."""
    return keras.Model(backbone.inputs[0], head(backbone.outputs[0]), name=f"{backbone.name}-classifier")
