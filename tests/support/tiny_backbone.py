"""A network of one convolution whose weights are the same every time."""

import keras
from keras import layers


def build(size):
    """Return the network: normalised pixels (batch, size, size, 3) -> features (batch, 16)."""
    inputs = keras.Input((size, size, 3), name="pixels")
    weights = keras.initializers.GlorotUniform(seed=7)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, kernel_initializer=weights, name="conv")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(max_value=6.0, name="relu6")(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D(name="features")(x), name="tiny")
