"""What a Keras network costs, counted over its layers, and what int8 makes of it."""

import tempfile
from pathlib import Path

import numpy as np

from edgecls.inference.runtimes import open_runtime


def _kernels(network):
    """Of each convolution: its kernel's shape and its output's."""
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            yield tuple(layer.kernel.shape), tuple(layer.output.shape[1:]), type(layer).__name__


def multiply_adds(network):
    """(all, those on an image of one pixel): each output position takes every weight of the kernel once."""
    counts = [
        (int(np.prod(kernel)) * height * width, height * width) for kernel, (height, width, _), _ in _kernels(network)
    ]
    return sum(n for n, _ in counts), sum(n for n, positions in counts if positions == 1)


def int8_bytes(network):
    """About what the int8 model weighs: a byte a weight, for each channel a bias and its scales, and the graph."""
    return sum(int(np.prod(kernel)) + 28 * channels + 1000 for kernel, (_, _, channels), _ in _kernels(network))


def int8_likeness(network, backbone, images):
    """The correlation of int8 features with float ones over uint8 `images`, which calibrate too: 1 is perfect."""
    from edgecls.training.quantization.quantize import normalize, quantize

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "m.tflite"
        model.write_bytes(quantize(network, backbone.mean, backbone.std, "int8", images))
        runtime = open_runtime(model, threads=1)
        found = np.stack([runtime.scores(runtime.invoke(image)) for image in images])
    expected = network(normalize(np.stack(images), backbone.mean, backbone.std), training=False).numpy()
    return np.corrcoef(found.ravel(), expected.ravel())[0, 1]
