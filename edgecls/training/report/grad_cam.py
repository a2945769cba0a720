"""Heat maps of the regions that speak for a class: HiResCAM (Draelos and Carin 2020), Grad-CAM without averaging.

Behind a global pooling both are the same, for there the derivative is the same at all places. Where the network goes
on with each place by itself, as `cnn` does, its mean says nothing, and Grad-CAM's maps are all but empty.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def heat_maps(network: keras.Model, images: NDArray[np.float32], classes: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return for each image how much each position speaks for its class: 0 to 1, with 1 at the maximum.

    `network` takes normalised pixels float32 (n, size, size, channels) and ends in a dense softmax; `classes` int (n,)
    are indices of its outputs. Returns float32 (n, h, w), the size of the last feature map; all 0 where nothing in an
    image speaks for its class. It is the positive part of the sum over channels k of g_k A_k, g_k being the derivative
    of the class's logit by the feature map A_k, place by place.
    """
    last = _last_map(network)
    dense = network.layers[-1]
    lower = keras.Model(network.inputs, last, name="lower")
    upper = keras.Model(last, dense.input, name="upper")
    maps = lower(tf.constant(images), training=False)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logits = tf.matmul(upper(maps, training=False), dense.kernel) + dense.bias
        chosen = tf.gather(logits, np.asarray(classes), batch_dims=1)  # of the sum each image's part is its own
    heat = np.maximum(np.sum((tape.gradient(chosen, maps) * maps).numpy(), axis=-1), 0)
    most = heat.max(axis=(1, 2), keepdims=True)
    normalized: NDArray[np.float32] = np.divide(heat, most, out=np.zeros_like(heat), where=most > 0)
    return normalized


def _last_map(network: keras.Model) -> Any:
    """Return the last output with spatial dimensions; some networks continue with 1 x 1 maps after global pooling."""
    outputs = [layer.output for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    return next(x for x in reversed(outputs) if len(x.shape) == 4 and x.shape[1] * x.shape[2] > 1)
