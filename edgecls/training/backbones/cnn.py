"""The small network of the classic tutorials on handwritten digits, trained from scratch.

Two blocks of convolution and pooling, flattened: with a dense softmax for ten classes it has 34,826 parameters.
"""

import keras
from keras import layers


def build_cnn(input_size: int, *, weights: bool = True) -> keras.Model:
    """Build the network: normalised grey pixels (batch, input_size, input_size, 1) -> features (batch, n), 1600 for 28 pixels.

    Its initial weights are always the same; there are no pretrained `weights`.
    """
    del weights
    pixels = keras.Input((input_size, input_size, 1), name="pixels")
    x = _convolution(32, 1)(pixels)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = _convolution(64, 2)(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    return keras.Model(pixels, layers.Flatten(name="features")(x), name="cnn")


def _convolution(channels: int, number: int) -> layers.Conv2D:
    start = keras.initializers.GlorotUniform(seed=number)
    return layers.Conv2D(channels, 3, activation="relu", kernel_initializer=start, name=f"conv{number}")
